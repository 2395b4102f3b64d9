/* Where an archive's members go: paths that never leave the root. */
#ifndef EXTRACT_PLACE_H
#define EXTRACT_PLACE_H

#include "tar-writer.h"

struct extract_place {
    int root;
    const char *path; /* the directory that takes the members, in root */
    int parent;       /* that of the last member, kept for the next; -1: none */
    char parent_path[TAR_PATH_MAX + 1];
};

/* O_PATH descriptor of a directory below the place's, links followed inside of the root; -errno. */
int place_open(const struct extract_place *place, const char *below);
/* A member's path without dots and doubled slashes. -EINVAL: it leads outside. -ENAMETOOLONG. */
int place_clean(const char *name, char path[TAR_PATH_MAX + 1]);
/* Open the directory that a clean path is in as place->parent, made when it is missing; *name is the last part. 0 or -errno. */
int place_enter(struct extract_place *place, const char *path, const char **name);
void place_close(struct extract_place *place);

#endif
