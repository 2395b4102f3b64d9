/* Small files of the kernel (procfs, sysfs, cgroupfs), read and written in one piece. */
#ifndef TEXT_FILE_H
#define TEXT_FILE_H

#include <stddef.h>
#include <stdint.h>

/* Read at most size - 1 bytes and end them with NUL. Returns the length or -errno. */
long text_file_read(const char *path, char *text, size_t size);
/* Returns 0 or -errno. The file must be there. */
int text_file_write(const char *path, const char *text);

#endif
