/* Capability sets by the names of the OCI runtime-spec. */
#ifndef CAPABILITIES_H
#define CAPABILITIES_H

#include <stdint.h>

struct json_value;

struct capabilities {
    uint64_t bounding, effective, permitted, inheritable, ambient; /* bit N: capability N of capability.h */
};

/* 0, or -EINVAL for a name that is none; *unknown is that name. Those this kernel lacks are left out, as runc does. */
int capabilities_parse(const struct json_value *sets, struct capabilities *capabilities, const char **unknown);
/* Drop from the bounding set what is not in it: while CAP_SETPCAP is there, before setuid. 0 or -errno. */
int capabilities_bound(const struct capabilities *capabilities);
/* Set the others: after setuid with PR_SET_KEEPCAPS. */
int capabilities_apply(const struct capabilities *capabilities);

#endif
