/* Which program an OCI process means, with which arguments and environment. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "failure.h"

struct json_value;

struct program {
    char **arguments, **environment; /* ended by NULL */
    char path[4096];                 /* set by program_find */
};

/* Take args and env; HOME, where env has none or an empty one, comes from /etc/passwd of the current root, else "/". */
int program_read(const struct json_value *process, struct program *program, struct failure *failure);
/* Find arguments[0] as runc does (Go's exec.LookPath with the environment's PATH), as the current user. */
int program_find(struct program *program, struct failure *failure);
/* The value of a variable, or NULL. */
const char *program_variable(const struct program *program, const char *name);

#endif
