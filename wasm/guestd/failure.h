/* Telling why something failed, in the words of runc and Go: lower case, the errno last. */
#ifndef FAILURE_H
#define FAILURE_H

#include "runtime.h"

struct json_writer;

/* Fill in failure and return -error (-EINVAL for 0). */
__attribute__((format(printf, 4, 5))) int fail(struct failure *failure, const char *code, int error,
                                              const char *format, ...);
/* Code `failed`, and ": " and the text of error after the message. */
__attribute__((format(printf, 3, 4))) int fail_errno(struct failure *failure, int error, const char *format, ...);
/* The text of an errno as Go has it: "no such file or directory". */
const char *error_text(int error, char *buffer, size_t size);
/* What a frame `failed` says. */
void failure_put(struct json_writer *json, const struct failure *failure);

#endif
