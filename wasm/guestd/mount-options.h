/* Mount options of fstab and the OCI runtime-spec: names into flags, the rest into data. */
#ifndef MOUNT_OPTIONS_H
#define MOUNT_OPTIONS_H

#include <linux/mount.h>
#include <stdbool.h>
#include <stdint.h>

struct json_value;

struct mount_options {
    unsigned long flags; /* MS_ flags for mount(2); MS_BIND and MS_REC for bind and rbind */
    /* The same and more for mount_setattr(2): of the mount itself, and of it with those beneath. */
    uint64_t set, clear;
    uint64_t recursive_set, recursive_clear;
    uint64_t propagation; /* MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE, or 0 */
    bool recursive_propagation;
    char data[1024]; /* what the filesystem reads, joined by commas */
};

/* options: an array of strings, or NULL. 0, -EINVAL (not strings), -E2BIG (data too long), -ENOTSUP (an option that needs a
 * user namespace or copies files: idmap, tmpcopyup). */
int mount_options_parse(const struct json_value *options, struct mount_options *parsed);
/* MS_ value of private, rslave, … (with MS_REC for the r forms), 0 for another word. */
unsigned long mount_propagation(const char *word);

#endif
