#define _GNU_SOURCE
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "device-rules.h"
#include "files.h"
#include "json.h"

static int open_directory(int parent, const char *path) {
    int fd = openat(parent, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int open_root(void) { return open_directory(AT_FDCWD, CGROUP_ROOT); }

static void pause_milliseconds(long milliseconds) {
    nanosleep(&(struct timespec){.tv_nsec = milliseconds * 1000000}, NULL);
}

int cgroup_path(const char *wanted, const char *container, char path[CGROUP_PATH_MAX]) {
    if (wanted == NULL || *wanted == '\0')
        return snprintf(path, CGROUP_PATH_MAX, "docker/%s", container) < CGROUP_PATH_MAX ? 0 : -EINVAL;
    wanted += *wanted == '/';
    if (strlen(wanted) >= CGROUP_PATH_MAX)
        return -EINVAL;
    for (const char *part = wanted;; part++) {
        size_t length = strcspn(part, "/");
        if (length == 0 || (length <= 2 && strncmp(part, "..", length) == 0))
            return -EINVAL;
        part += length;
        if (*part == '\0')
            break;
    }
    memcpy(path, wanted, strlen(wanted) + 1);
    return 0;
}

/* Hand every controller that there is down to the children of a directory. */
static int pass_controllers(int directory) {
    char names[256], line[512];
    size_t used = 0;
    ssize_t length = file_read(directory, "cgroup.controllers", names, sizeof names);
    if (length < 0)
        return (int)length;
    char *rest = NULL;
    for (char *name = strtok_r(names, " \n", &rest); name != NULL; name = strtok_r(NULL, " \n", &rest))
        used += (size_t)snprintf(line + used, sizeof line - used, "+%s ", name);
    return used == 0 ? 0 : file_write(directory, "cgroup.subtree_control", line);
}

static int make_parents(int root, const char *path) {
    char parent[CGROUP_PATH_MAX];
    for (const char *slash = path; (slash = strchr(slash, '/')) != NULL; slash++) {
        snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
        int error = directory_ensure(root, parent, 0755);
        if (error < 0)
            return error;
        cleanup_close int directory = open_directory(root, parent);
        if (directory < 0)
            return directory;
        error = pass_controllers(directory);
        if (error < 0)
            return error;
    }
    return 0;
}

static int make_directory(int root, const char *path) {
    if (mkdirat(root, path, 0755) == 0)
        return 0;
    if (errno != ENOENT)
        return -errno;
    int error = make_parents(root, path);
    if (error < 0)
        return error;
    return mkdirat(root, path, 0755) < 0 ? -errno : 0;
}

int cgroup_make(const char *path) {
    cleanup_close int root = open_root();
    if (root < 0)
        return root;
    int error = make_directory(root, path);
    if (error == -EEXIST && unlinkat(root, path, AT_REMOVEDIR) == 0)
        error = make_directory(root, path);
    return error < 0 ? error : open_directory(root, path);
}

int cgroup_open(const char *path) {
    cleanup_close int root = open_root();
    if (root < 0)
        return root;
    int cgroup = open_directory(root, path);
    if (cgroup != -ENOENT)
        return cgroup;
    int error = make_directory(root, path);
    return error < 0 && error != -EEXIST ? error : open_directory(root, path);
}

static int write_text(int cgroup, const char *name, const char *value, struct failure *failure) {
    int error = file_write(cgroup, name, value);
    /* Without swap in the kernel none can be used: every limit of it is kept. */
    if (error == -ENOENT && strncmp(name, "memory.swap.", 12) == 0)
        return 0;
    return error < 0 ? fail_errno(failure, -error, "cannot write %s to %s", value, name) : 0;
}

/* Negative: no limit. */
static int write_limit(int cgroup, const char *name, int64_t value, struct failure *failure) {
    char text[32] = "max";
    if (value >= 0)
        snprintf(text, sizeof text, "%" PRId64, value);
    return write_text(cgroup, name, text, failure);
}

/* OCI's swap is memory and swap together, cgroup v2's is swap alone (runc: ConvertMemorySwapToCgroupV2Value). */
static int limit_memory(int cgroup, const struct json_value *memory, struct failure *failure) {
    int64_t limit = json_integer(json_get(memory, "limit"), 0);
    int64_t reservation = json_integer(json_get(memory, "reservation"), 0);
    int64_t swap = json_integer(json_get(memory, "swap"), 0);
    int error = 0;
    if (swap > 0 && (limit <= 0 || swap < limit))
        return fail(failure, "invalid", EINVAL, "memory+swap limit should be >= memory limit");
    if (limit != 0)
        error = write_limit(cgroup, "memory.max", limit, failure);
    if (error == 0 && swap != 0)
        error = write_limit(cgroup, "memory.swap.max", swap < 0 ? -1 : swap - limit, failure);
    if (error == 0 && reservation > 0)
        error = write_limit(cgroup, "memory.low", reservation, failure);
    return error;
}

static int limit_cpu(int cgroup, const struct json_value *cpu, struct failure *failure) {
    uint64_t shares = json_unsigned(json_get(cpu, "shares"), 0);
    int64_t quota = json_integer(json_get(cpu, "quota"), 0);
    uint64_t period = json_unsigned(json_get(cpu, "period"), 0);
    char text[64];
    int error = 0;
    if (shares != 0) {
        /* 2…262144 to 1…10000 (runc: ConvertCPUSharesToCgroupV2Value). */
        shares = shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
        error = write_limit(cgroup, "cpu.weight", (int64_t)(1 + (shares - 2) * 9999 / 262142), failure);
    }
    if (error < 0 || (quota == 0 && period == 0))
        return error;
    if (quota > 0)
        snprintf(text, sizeof text, "%" PRId64 " %" PRIu64, quota, period == 0 ? 100000 : period);
    else
        snprintf(text, sizeof text, "max %" PRIu64, period == 0 ? 100000 : period);
    return write_text(cgroup, "cpu.max", text, failure);
}

int cgroup_limit(int cgroup, const struct json_value *resources, struct failure *failure) {
    int64_t processes = json_integer(json_get(json_get(resources, "pids"), "limit"), 0);
    int error = limit_memory(cgroup, json_get(resources, "memory"), failure);
    if (error == 0)
        error = limit_cpu(cgroup, json_get(resources, "cpu"), failure);
    if (error == 0 && processes != 0)
        error = write_limit(cgroup, "pids.max", processes, failure);
    if (error < 0)
        return error;
    error = device_rules_attach(cgroup, json_get(resources, "devices"));
    return error < 0 ? fail_errno(failure, -error, "cannot set the device rules") : 0;
}

int cgroup_update(int cgroup, const struct json_value *update, struct failure *failure) {
    static const struct {
        const char *name, *file;
    } values[] = {
        {"memoryMax", "memory.max"}, {"memorySwapMax", "memory.swap.max"}, {"memoryLow", "memory.low"},
        {"cpuMax", "cpu.max"},       {"cpuWeight", "cpu.weight"},          {"pidsMax", "pids.max"},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const struct json_value *value = json_get(update, values[i].name);
        int error = 0;
        if (json_text(value, NULL) != NULL)
            error = write_text(cgroup, values[i].file, json_text(value, NULL), failure);
        else if (json_integer(value, -1) >= 0)
            error = write_limit(cgroup, values[i].file, json_integer(value, 0), failure);
        if (error < 0)
            return error;
    }
    return 0;
}

static int remove_directory(int parent, const char *name) {
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    if (errno != EBUSY && errno != ENOTEMPTY)
        return -errno;
    int fd = open_directory(parent, name);
    if (fd < 0)
        return fd;
    DIR *list = fdopendir(fd);
    if (list == NULL) {
        close(fd);
        return -ENOMEM;
    }
    int error = 0;
    for (struct dirent *entry; error == 0 && (entry = readdir(list)) != NULL;)
        if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            error = remove_directory(fd, entry->d_name);
    closedir(list);
    if (error < 0)
        return error;
    return unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

int cgroup_remove(const char *path) {
    cleanup_close int root = open_root();
    if (root < 0)
        return root;
    if (unlinkat(root, path, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    cleanup_close int cgroup = open_directory(root, path);
    if (cgroup < 0)
        return cgroup;
    int error = file_write(cgroup, "cgroup.kill", "1");
    /* What is frozen dies as well (cgroup-v2.rst, cgroup.freeze), but each needs its turn on the CPU. */
    for (int tries = 0; tries < 50; tries++) {
        error = remove_directory(root, path);
        if (error != -EBUSY)
            return error;
        pause_milliseconds(2);
    }
    return error;
}

int cgroup_freeze(int cgroup, bool frozen) {
    char events[128];
    int error = file_write(cgroup, "cgroup.freeze", frozen ? "1" : "0");
    if (error < 0 || !frozen)
        return error;
    /* Tasks stop at their next return to user mode; one that waits for a lazy file takes longer than we do. */
    for (int tries = 0; tries < 20; tries++) {
        if (file_read(cgroup, "cgroup.events", events, sizeof events) > 0 && strstr(events, "frozen 1") != NULL)
            break;
        pause_milliseconds(1);
    }
    return 0;
}

int cgroup_remember(const char *container, const char *path) {
    char link[128];
    snprintf(link, sizeof link, CONTAINERS "/%s/.cgroup", container);
    if (symlink(path, link) == 0)
        return 0;
    if (errno != EEXIST || unlink(link) < 0)
        return -errno;
    return symlink(path, link) < 0 ? -errno : 0;
}

int cgroup_recall(const char *container, char path[CGROUP_PATH_MAX]) {
    char link[128];
    snprintf(link, sizeof link, CONTAINERS "/%s/.cgroup", container);
    ssize_t length = readlink(link, path, CGROUP_PATH_MAX - 1);
    if (length < 0)
        return -errno;
    path[length] = '\0';
    return 0;
}
