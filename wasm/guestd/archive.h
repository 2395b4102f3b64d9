/* The channels `archive` and `extract`. A child process does the work; guestd carries its bytes, and so an archive that
 * waits for a lazy file stops nothing else. */
#ifndef ARCHIVE_H
#define ARCHIVE_H

#include <stdbool.h>

struct json_value;
struct stream;

/* Returns 0, or -errno to cut the stream off. What is wrong with the request is told as `failed`. */
int archive_open(struct stream *stream, const struct json_value *open, bool extract);

#endif
