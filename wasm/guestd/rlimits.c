#define _GNU_SOURCE
#include "rlimits.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "json.h"

static const struct {
    const char *name;
    __rlimit_resource_t resource;
} kinds[] = {
    {"AS", RLIMIT_AS},           {"CORE", RLIMIT_CORE},     {"CPU", RLIMIT_CPU},         {"DATA", RLIMIT_DATA},
    {"FSIZE", RLIMIT_FSIZE},     {"LOCKS", RLIMIT_LOCKS},   {"MEMLOCK", RLIMIT_MEMLOCK}, {"MSGQUEUE", RLIMIT_MSGQUEUE},
    {"NICE", RLIMIT_NICE},       {"NOFILE", RLIMIT_NOFILE}, {"NPROC", RLIMIT_NPROC},     {"RSS", RLIMIT_RSS},
    {"RTPRIO", RLIMIT_RTPRIO},   {"RTTIME", RLIMIT_RTTIME}, {"SIGPENDING", RLIMIT_SIGPENDING}, {"STACK", RLIMIT_STACK},
};

/* -1 and what JavaScript makes of 2^64 - 1 both mean no limit. */
static rlim64_t limit_of(const struct json_value *value) {
    return json_integer(value, 0) < 0 ? RLIM64_INFINITY : json_unsigned(value, 0);
}

/* What containerd gives to containers that are told nothing; guestd's own is higher. */
static const struct rlimit64 default_files = {.rlim_cur = 1024, .rlim_max = 524288};

int rlimits_apply(const struct json_value *list, struct failure *failure) {
    if (prlimit64(0, RLIMIT_NOFILE, &default_files, NULL) < 0 && errno != EPERM)
        return fail_errno(failure, errno, "error setting rlimit type RLIMIT_NOFILE");
    for (const struct json_value *item = json_first(list); item != NULL; item = item->next) {
        const char *type = json_text(json_get(item, "type"), "");
        struct rlimit64 limit = {.rlim_cur = limit_of(json_get(item, "soft")), .rlim_max = limit_of(json_get(item, "hard"))};
        size_t kind = 0;
        while (kind < sizeof kinds / sizeof *kinds &&
               (strncmp(type, "RLIMIT_", 7) != 0 || strcmp(type + 7, kinds[kind].name) != 0))
            kind++;
        if (kind == sizeof kinds / sizeof *kinds)
            return fail(failure, "invalid", EINVAL, "invalid rlimit type \"%s\"", type);
        if (prlimit64(0, kinds[kind].resource, &limit, NULL) < 0)
            return fail_errno(failure, errno, "error setting rlimit type %s", type);
    }
    return 0;
}
