/* Hard links in an archive: the first name of each inode that has several. */
#ifndef LINK_TABLE_H
#define LINK_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct link_slot {
    dev_t device;
    ino_t inode;
    char *path; /* NULL: free */
};

struct link_table {
    struct link_slot *slots;
    size_t count, room;
};

/* The path under which this inode was seen before; else remember this one. NULL also when memory is short: then the file
 * is in the archive twice. */
const char *link_table_seen(struct link_table *table, dev_t device, ino_t inode, const char *path);
void link_table_free(struct link_table *table);

#endif
