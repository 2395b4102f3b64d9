/* Pseudo terminals. */
#ifndef TERMINAL_H
#define TERMINAL_H

#include "failure.h"

struct json_value;

struct terminal {
    int master, slave; /* -1 where there is none */
    int devpts;        /* detached mount for a new container's /dev/pts, or -1 */
    int number;        /* of the slave */
};

/* A terminal in a devpts of its own, made with the options of the spec's mount at /dev/pts. */
int terminal_open_new(const struct json_value *spec, struct terminal *terminal, struct failure *failure);
/* A terminal of the devpts at /dev/pts of a process' root (/proc/<pid>/root); pid 0: guestd's own. */
int terminal_open_in(pid_t pid, struct terminal *terminal, struct failure *failure);
/* consoleSize of an OCI process, if it says one. */
void terminal_set_size(const struct terminal *terminal, const struct json_value *process);
void terminal_close(struct terminal *terminal);

#endif
