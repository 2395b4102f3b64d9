/* Answers to requests of the control channel: {id, result} or {id, error}. */
#ifndef ANSWER_H
#define ANSWER_H

#include <stdint.h>

struct failure;
struct json_value;
struct json_writer;

/* Run a request's operation and put the answer: a whole one, whatever came of it. */
void answer_run(struct json_writer *json, int64_t id, const struct json_value *request);
void answer_result(struct json_writer *json, int64_t id);
void answer_failure(struct json_writer *json, int64_t id, const struct failure *failure);

#endif
