/* Requests of the control channel. */
#ifndef OPERATION_H
#define OPERATION_H

struct failure;
struct json_value;
struct json_writer;

/* Where a request is worked on: at once in the event loop, or by a child process (task.h) of a lane. */
enum lane {
    LANE_LOOP,
    LANE_FILES, /* makes, lists or removes some files: may wait for the disk */
    LANE_WALK,  /* reads a whole tree */
    LANE_SYNC,  /* waits for all that is written */
    LANES,
};

enum lane operation_lane(const struct json_value *request);
/* What the event loop does itself before the child gets to work. Returns 1 to go on, 0 when that was all, or -errno. */
int operation_begin(const struct json_value *request, struct failure *failure);
/* Put one value, the result, or return -errno with the reason in failure; what was put then doesn't matter. */
int operation_run(const struct json_value *request, struct json_writer *result, struct failure *failure);

#endif
