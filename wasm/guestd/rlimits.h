/* Resource limits by the names of the OCI runtime-spec (RLIMIT_NOFILE …). */
#ifndef RLIMITS_H
#define RLIMITS_H

#include "failure.h"

struct json_value;

/* Set the calling process' limits from process.rlimits. */
int rlimits_apply(const struct json_value *list, struct failure *failure);

#endif
