#include "link-table.h"

#include <stdlib.h>
#include <string.h>

#define LINKS_MAX (1u << 20)

static struct link_slot *find(const struct link_table *table, dev_t device, ino_t inode) {
    uint64_t hash = ((uint64_t)inode ^ ((uint64_t)device << 32)) * 0x9e3779b97f4a7c15u;
    for (size_t index = (size_t)(hash >> 32) & (table->room - 1);; index = (index + 1) & (table->room - 1)) {
        struct link_slot *slot = &table->slots[index];
        if (slot->path == NULL || (slot->device == device && slot->inode == inode))
            return slot;
    }
}

static int grow(struct link_table *table) {
    struct link_table larger = {.room = table->room == 0 ? 64 : 2 * table->room};
    larger.slots = larger.room > LINKS_MAX ? NULL : calloc(larger.room, sizeof *larger.slots);
    if (larger.slots == NULL)
        return -1;
    for (size_t index = 0; index < table->room; index++)
        if (table->slots[index].path != NULL)
            *find(&larger, table->slots[index].device, table->slots[index].inode) = table->slots[index];
    larger.count = table->count;
    free(table->slots);
    *table = larger;
    return 0;
}

const char *link_table_seen(struct link_table *table, dev_t device, ino_t inode, const char *path) {
    if (2 * table->count >= table->room && grow(table) < 0 && table->count + 1 >= table->room)
        return NULL;
    struct link_slot *slot = find(table, device, inode);
    if (slot->path != NULL)
        return slot->path;
    *slot = (struct link_slot){.device = device, .inode = inode, .path = strdup(path)};
    if (slot->path != NULL)
        table->count++;
    return NULL;
}

void link_table_free(struct link_table *table) {
    for (size_t index = 0; index < table->room; index++)
        free(table->slots[index].path);
    free(table->slots);
    *table = (struct link_table){.room = 0};
}
