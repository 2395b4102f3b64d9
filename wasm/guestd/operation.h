/* Requests of the control channel. */
#ifndef OPERATION_H
#define OPERATION_H

struct failure;
struct json_value;
struct json_writer;

/* Put one value, the result, or return -errno with the reason in failure; what was put then doesn't matter. */
int operation_run(const struct json_value *request, struct json_writer *result, struct failure *failure);

#endif
