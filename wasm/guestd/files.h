/* Small files and whole trees. */
#ifndef FILES_H
#define FILES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Write text to an existing file (of proc, sys, cgroup) in one write. 0 or -errno. */
int file_write(int directory, const char *path, const char *text);
/* Create or overwrite a regular file, mode 0644, never through a symlink at its end. */
int file_create(int directory, const char *path, const char *bytes, size_t length);
/* Read at most size - 1 bytes and end them with NUL. The length or -errno. */
ssize_t file_read(int directory, const char *path, char *buffer, size_t size);
/* mkdir that takes an existing directory. */
int directory_ensure(int directory, const char *path, mode_t mode);
/* Remove a tree without following symlinks or entering mounts. *budget falls by one for each entry: -EAGAIN when it is
 * spent (part of the tree is left). An absent tree is fine. */
int tree_remove(int directory, const char *path, unsigned *budget);
/* Bytes as Docker counts them (moby pkg/directory): lengths of all but directories, what has several names once. */
uint64_t tree_size(int directory, const char *path);

#endif
