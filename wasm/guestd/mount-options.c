#define _GNU_SOURCE
#include "mount-options.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "json.h"

/* The attribute is set, or with `off` cleared; the access time is a field of its own that one option sets as a whole. */
static const struct {
    const char *name;
    unsigned long flag;
    uint64_t attribute;
    bool off;
} attributes[] = {
    {"ro", MS_RDONLY, MOUNT_ATTR_RDONLY, false},
    {"rw", MS_RDONLY, MOUNT_ATTR_RDONLY, true},
    {"nosuid", MS_NOSUID, MOUNT_ATTR_NOSUID, false},
    {"suid", MS_NOSUID, MOUNT_ATTR_NOSUID, true},
    {"nodev", MS_NODEV, MOUNT_ATTR_NODEV, false},
    {"dev", MS_NODEV, MOUNT_ATTR_NODEV, true},
    {"noexec", MS_NOEXEC, MOUNT_ATTR_NOEXEC, false},
    {"exec", MS_NOEXEC, MOUNT_ATTR_NOEXEC, true},
    {"nodiratime", MS_NODIRATIME, MOUNT_ATTR_NODIRATIME, false},
    {"diratime", MS_NODIRATIME, MOUNT_ATTR_NODIRATIME, true},
    {"nosymfollow", 256 /* MS_NOSYMFOLLOW */, 0x00200000 /* MOUNT_ATTR_NOSYMFOLLOW */, false},
    {"symfollow", 256, 0x00200000, true},
};

static const struct {
    const char *name;
    unsigned long flag;
    uint64_t attribute;
} access_times[] = {
    {"noatime", MS_NOATIME, MOUNT_ATTR_NOATIME},   {"atime", 0, MOUNT_ATTR_RELATIME},
    {"relatime", MS_RELATIME, MOUNT_ATTR_RELATIME}, {"norelatime", 0, MOUNT_ATTR_RELATIME},
    {"strictatime", MS_STRICTATIME, MOUNT_ATTR_STRICTATIME}, {"nostrictatime", 0, MOUNT_ATTR_RELATIME},
};

static const struct {
    const char *name;
    unsigned long flag;
    bool off;
} filesystem_flags[] = {
    {"sync", MS_SYNCHRONOUS, false}, {"async", MS_SYNCHRONOUS, true}, {"dirsync", MS_DIRSYNC, false},
    {"mand", MS_MANDLOCK, false},    {"nomand", MS_MANDLOCK, true},   {"silent", MS_SILENT, false},
    {"loud", MS_SILENT, true},       {"lazytime", MS_LAZYTIME, false}, {"nolazytime", MS_LAZYTIME, true},
    {"bind", MS_BIND, false},        {"rbind", MS_BIND | MS_REC, false}, {"defaults", 0, false},
};

unsigned long mount_propagation(const char *word) {
    unsigned long recursive = word[0] == 'r' ? MS_REC : 0;
    const char *kind = recursive ? word + 1 : word;
    if (strcmp(kind, "private") == 0)
        return recursive | MS_PRIVATE;
    if (strcmp(kind, "slave") == 0)
        return recursive | MS_SLAVE;
    if (strcmp(kind, "shared") == 0)
        return recursive | MS_SHARED;
    if (strcmp(kind, "unbindable") == 0)
        return recursive | MS_UNBINDABLE;
    return 0;
}

static bool take_attribute(struct mount_options *parsed, const char *word, bool recursive) {
    uint64_t *set = recursive ? &parsed->recursive_set : &parsed->set;
    uint64_t *clear = recursive ? &parsed->recursive_clear : &parsed->clear;
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
        if (strcmp(word, attributes[i].name) == 0) {
            *set &= ~attributes[i].attribute;
            *clear &= ~attributes[i].attribute;
            *(attributes[i].off ? clear : set) |= attributes[i].attribute;
            parsed->flags &= ~attributes[i].flag;
            if (!attributes[i].off)
                parsed->flags |= attributes[i].flag;
            return true;
        }
    for (size_t i = 0; i < sizeof access_times / sizeof *access_times; i++)
        if (strcmp(word, access_times[i].name) == 0) {
            *clear |= MOUNT_ATTR__ATIME;
            *set = (*set & ~(uint64_t)MOUNT_ATTR__ATIME) | access_times[i].attribute;
            parsed->flags &= ~(unsigned long)(MS_NOATIME | MS_RELATIME | MS_STRICTATIME);
            parsed->flags |= access_times[i].flag;
            return true;
        }
    return false;
}

static bool take_flag(struct mount_options *parsed, const char *word) {
    unsigned long propagation = mount_propagation(word);
    if (propagation != 0) {
        parsed->propagation = propagation & ~(unsigned long)MS_REC;
        parsed->recursive_propagation = (propagation & MS_REC) != 0;
        return true;
    }
    if (take_attribute(parsed, word, false) || (word[0] == 'r' && take_attribute(parsed, word + 1, true)))
        return true;
    for (size_t i = 0; i < sizeof filesystem_flags / sizeof *filesystem_flags; i++)
        if (strcmp(word, filesystem_flags[i].name) == 0) {
            parsed->flags &= ~filesystem_flags[i].flag;
            if (!filesystem_flags[i].off)
                parsed->flags |= filesystem_flags[i].flag;
            return true;
        }
    return false;
}

int mount_options_parse(const struct json_value *options, struct mount_options *parsed) {
    size_t used = 0;
    *parsed = (struct mount_options){.flags = 0};
    for (const struct json_value *option = json_first(options); option != NULL; option = option->next) {
        const char *word = json_text(option, NULL);
        if (word == NULL)
            return -EINVAL;
        if (strcmp(word, "tmpcopyup") == 0 || strcmp(word, "idmap") == 0 || strcmp(word, "ridmap") == 0)
            return -ENOTSUP;
        if (word[0] == '\0' || take_flag(parsed, word))
            continue;
        size_t length = strlen(word);
        if (used + length + 2 > sizeof parsed->data)
            return -E2BIG;
        if (used > 0)
            parsed->data[used++] = ',';
        memcpy(parsed->data + used, word, length + 1);
        used += length;
    }
    return 0;
}
