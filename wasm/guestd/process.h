/* Turning the child into the program: limits, user, capabilities, seccomp, execve, in runc's order. */
#ifndef PROCESS_H
#define PROCESS_H

#include "failure.h"

struct json_value;

struct process {
    const struct json_value *spec; /* an OCI process */
    const char *seccomp;           /* base64 of struct sock_filter[], or NULL */
    int input, output, error;      /* the child's ends of the pipes; all three the slave with a terminal */
    bool terminal;
    volatile struct timings *timings;
    uint64_t since; /* microseconds: when the stage before ended */
};

/* In the child, before its root changes: session, signals, oom_score_adj (by guestd's /proc). */
int process_prepare(const struct process *process, struct failure *failure);
/* In the child, in its root. Returns only with a failure. */
int process_execute(struct process *process, struct failure *failure);
/* Microseconds of the monotonic clock. */
uint64_t process_clock(void);

#endif
