#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "cleanup.h"
#include "files.h"
#include "runtime-paths.h"

/* Entries that guestd removes itself: about 5 ms in the emulator. */
#define INLINE_ENTRIES 256

int runtime_discard(const char *directory, const char *name) {
    static unsigned count;
    char doomed[32];
    unsigned budget = INLINE_ENTRIES, unlimited = UINT_MAX;
    cleanup_close int parent = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return errno == ENOENT ? 0 : -errno;
    int error = tree_remove(parent, name, &budget);
    if (error != -EAGAIN)
        return error;
    /* Several processes do this. */
    do {
        snprintf(doomed, sizeof doomed, ".doomed-%u", count++);
        error = renameat2(parent, name, parent, doomed, RENAME_NOREPLACE) < 0 ? -errno : 0;
    } while (error == -EEXIST);
    if (error < 0)
        return error;
    pid_t pid = fork();
    if (pid != 0)
        return pid < 0 ? -errno : 0; /* PID 1 reaps it like any other */
    /* guestd's streams must be able to end meanwhile. */
    if (parent > 0)
        close_range(0, (unsigned)parent - 1, 0);
    close_range((unsigned)parent + 1, ~0u, 0);
    _exit(tree_remove(parent, doomed, &unlimited) < 0);
}
