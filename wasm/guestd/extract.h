/* A tar archive into files. */
#ifndef EXTRACT_H
#define EXTRACT_H

#include <stdbool.h>
#include <sys/types.h>

#include "failure.h"

struct extract {
    int root; /* everything stays inside of it */
    const char *path; /* the directory that takes the members */
    bool keep_kinds; /* refuse to put a directory in place of another file, or the other way round */
    bool has_owner;
    uid_t uid; /* of all that is written, with has_owner */
    gid_t gid;
};

/* Read the archive from a descriptor to its end, past the archive's end too. */
int extract_all(const struct extract *extract, int input, struct failure *failure);

#endif
