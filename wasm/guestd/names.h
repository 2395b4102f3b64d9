/* The names in a directory, in the order of their bytes. */
#ifndef NAMES_H
#define NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct names {
    char **items;
    size_t count, room;
};

/* Of the directory called name in parent ("" for parent itself); through no symlink. 0 or -errno; free it in either case. */
int names_read(int parent, const char *name, struct names *names);
bool names_have(const struct names *names, const char *name);
void names_free(struct names *names);

#endif
