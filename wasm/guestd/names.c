#define _GNU_SOURCE
#include "names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int compare(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static int add(struct names *names, const char *name) {
    if (names->count == names->room) {
        const size_t room = names->room == 0 ? 32 : 2 * names->room;
        char **items = reallocarray(names->items, room, sizeof *items);
        if (items == NULL)
            return -ENOMEM;
        names->items = items;
        names->room = room;
    }
    names->items[names->count] = strdup(name);
    return names->items[names->count] == NULL ? -ENOMEM : (names->count++, 0);
}

int names_read(int parent, const char *name, struct names *names) {
    *names = (struct names){.count = 0};
    const int fd = openat(parent, name[0] == '\0' ? "." : name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    DIR *list = fdopendir(fd);
    if (list == NULL) {
        close(fd);
        return -ENOMEM;
    }
    int error = 0;
    while (error == 0) {
        errno = 0;
        const struct dirent *entry = readdir(list);
        if (entry == NULL) {
            error = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            error = add(names, entry->d_name);
    }
    closedir(list);
    if (names->count > 1)
        qsort(names->items, names->count, sizeof *names->items, compare);
    return error;
}

bool names_have(const struct names *names, const char *name) {
    return names->count > 0 && bsearch(&name, names->items, names->count, sizeof *names->items, compare) != NULL;
}

void names_free(struct names *names) {
    for (size_t index = 0; index < names->count; index++)
        free(names->items[index]);
    free(names->items);
    *names = (struct names){.count = 0};
}
