/* What a container uses, and which processes it has. */
#ifndef STATISTICS_H
#define STATISTICS_H

struct failure;
struct json_writer;

/* ContainerStats of guest-protocol.ts, of this path below /sys/fs/cgroup and the container's network. */
int statistics_put(const char *cgroup, const char *container, struct json_writer *result, struct failure *failure);
/* Request `top`: times in seconds, `startTime` since 1970; `tty` as `ps` has it. */
int statistics_put_processes(const char *cgroup, struct json_writer *result, struct failure *failure);

#endif
