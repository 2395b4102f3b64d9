/* Things released where they are declared. */
#ifndef CLEANUP_H
#define CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_close_fd(const int *fd) {
    if (*fd >= 0)
        close(*fd);
}

static inline void cleanup_free_pointer(void *pointer) { free(*(void **)pointer); }

#define cleanup_close __attribute__((cleanup(cleanup_close_fd)))
#define cleanup_free __attribute__((cleanup(cleanup_free_pointer)))

#endif
