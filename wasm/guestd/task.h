/* Requests that walk, write or wait for the disk: a child process works on each, so that PID 1 never waits. Of each lane a few
 * run at once, and the others wait for their turn. */
#ifndef TASK_H
#define TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "operation.h"

struct stream;

/* Work on the request whose text this is, and answer it on the stream. -errno: not taken, as too much waits already. */
int task_start(struct stream *stream, enum lane lane, int64_t id, const char *text, size_t length);
/* Answer it with `cancelled`, and kill its process; one that is answered, or changes files by now, goes its way. */
void task_cancel(struct stream *stream, int64_t id);
/* The stream is gone: nobody waits for its answers. */
void task_abandon(const struct stream *stream);
/* A child of guestd's is dead. */
void task_reaped(pid_t pid);

#endif
