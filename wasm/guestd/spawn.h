/* Cloning a child that becomes a program, with its pipes and the status that tells how that went. */
#ifndef SPAWN_H
#define SPAWN_H

#include <stdint.h>

#include "failure.h"
#include "process.h"
#include "terminal.h"

struct spawn {
    uint64_t flags;             /* CLONE_NEW… */
    int cgroup;                 /* descriptor of the cgroup to start in */
    int pid_namespace;          /* to start in, or -1; a pidfd will do */
    struct terminal *terminal;  /* its master goes to spawned; all of it is closed in guestd */
    struct process *process;    /* streams and timings are filled in */
    int keep;                   /* a further descriptor that the child needs, or -1 */
    int (*enter)(void *context, struct failure *failure); /* in the child; returns only with a failure */
    void *context;
};

/* One-time preparations of guestd itself. 0 or -errno. */
int spawn_prepare(void);
/* Start it. On failure nothing is left of it; spawned->cgroup is the caller's to fill in. */
int spawn_start(const struct spawn *spawn, struct spawned *spawned, struct failure *failure);

#endif
