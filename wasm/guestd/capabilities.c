#define _GNU_SOURCE
#include "capabilities.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "json.h"

static const char *const names[] = {
    "CHOWN",          "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER",        "FSETID",          "KILL",
    "SETGID",         "SETUID",       "SETPCAP",         "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST",
    "NET_ADMIN",      "NET_RAW",      "IPC_LOCK",        "IPC_OWNER",     "SYS_MODULE",      "SYS_RAWIO",
    "SYS_CHROOT",     "SYS_PTRACE",   "SYS_PACCT",       "SYS_ADMIN",     "SYS_BOOT",        "SYS_NICE",
    "SYS_RESOURCE",   "SYS_TIME",     "SYS_TTY_CONFIG",  "MKNOD",         "LEASE",           "AUDIT_WRITE",
    "AUDIT_CONTROL",  "SETFCAP",      "MAC_OVERRIDE",    "MAC_ADMIN",     "SYSLOG",          "WAKE_ALARM",
    "BLOCK_SUSPEND",  "AUDIT_READ",   "PERFMON",         "BPF",           "CHECKPOINT_RESTORE"};

#define COUNT (sizeof names / sizeof *names)
_Static_assert(COUNT == CAP_LAST_CAP + 1, "a name for each capability");

static int parse_set(const struct json_value *list, uint64_t *set, const char **unknown) {
    for (const struct json_value *item = json_first(list); item != NULL; item = item->next) {
        const char *name = json_text(item, "");
        size_t number = 0;
        *unknown = name;
        if (strncmp(name, "CAP_", 4) != 0)
            return -EINVAL;
        while (number < COUNT && strcmp(name + 4, names[number]) != 0)
            number++;
        if (number == COUNT)
            return -EINVAL;
        *set |= UINT64_C(1) << number;
    }
    return 0;
}

int capabilities_parse(const struct json_value *sets, struct capabilities *capabilities, const char **unknown) {
    *capabilities = (struct capabilities){.bounding = 0};
    if (parse_set(json_get(sets, "bounding"), &capabilities->bounding, unknown) < 0 ||
        parse_set(json_get(sets, "effective"), &capabilities->effective, unknown) < 0 ||
        parse_set(json_get(sets, "permitted"), &capabilities->permitted, unknown) < 0 ||
        parse_set(json_get(sets, "inheritable"), &capabilities->inheritable, unknown) < 0 ||
        parse_set(json_get(sets, "ambient"), &capabilities->ambient, unknown) < 0)
        return -EINVAL;
    return 0;
}

int capabilities_bound(const struct capabilities *capabilities) {
    for (size_t number = 0; number < COUNT; number++)
        if ((capabilities->bounding >> number & 1) == 0 && prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0)
            return errno == EINVAL ? 0 : -errno; /* EINVAL: beyond this kernel's last */
    return 0;
}

int capabilities_apply(const struct capabilities *capabilities) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    for (unsigned half = 0; half < 2; half++)
        data[half] = (struct __user_cap_data_struct){.effective = (uint32_t)(capabilities->effective >> 32 * half),
                                                     .permitted = (uint32_t)(capabilities->permitted >> 32 * half),
                                                     .inheritable = (uint32_t)(capabilities->inheritable >> 32 * half)};
    if (syscall(SYS_capset, &header, data) < 0)
        return -errno;
    for (size_t number = 0; number < COUNT; number++)
        if ((capabilities->ambient >> number & 1) != 0 &&
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0) < 0)
            return -errno;
    return 0;
}
