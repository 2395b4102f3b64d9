#define _GNU_SOURCE
#include "operation.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

#include "disk.h"
#include "failure.h"
#include "host.h"
#include "json-writer.h"
#include "json.h"
#include "job.h"
#include "net.h"
#include "shares.h"
#include "statistics.h"

typedef int operation(const struct json_value *request, struct json_writer *result, struct failure *failure);

/* The result of what has none. */
static int done(int error, struct json_writer *result) {
    if (error == 0)
        json_put_null(result);
    return error;
}

/* The named container; with `running` it must run. NULL with the reason in failure. */
static struct job *container(const struct json_value *request, bool running, struct failure *failure) {
    const char *id = json_text(json_get(request, "container"), "");
    if (!job_container_valid(id)) {
        fail(failure, "invalid", EINVAL, "a container's id is 64 hex characters");
        return NULL;
    }
    struct job *job = job_find(JOB_CONTAINER, id, "");
    if (job == NULL)
        fail(failure, "no-container", ENOENT, "no such container: %s", id);
    else if (running && job->state != JOB_RUNNING) {
        fail(failure, "not-running", ESRCH, "container %s is not running", id);
        return NULL;
    }
    return job;
}

/* The process that the request names, running. */
static struct job *running(const struct json_value *request, struct failure *failure) {
    struct job *job = job_refer(json_get(request, "process"), failure);
    if (job == NULL || job->state == JOB_RUNNING)
        return job;
    fail(failure, "not-running", ESRCH, "the process is not running");
    return NULL;
}

static int op_signal(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    const struct job *job = running(request, failure);
    if (job == NULL)
        return -ESRCH;
    const int64_t number = json_integer(json_get(request, "signal"), 0);
    if (number < 1 || number > SIGRTMAX)
        return fail(failure, "invalid", EINVAL, "no such signal");
    if (kill(job->spawned.pid, (int)number) < 0)
        return fail_errno(failure, errno, "kill");
    return done(0, result);
}

static int op_resize(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    const struct job *job = running(request, failure);
    if (job == NULL)
        return -ESRCH;
    const int64_t columns = json_integer(json_get(request, "cols"), -1);
    const int64_t rows = json_integer(json_get(request, "rows"), -1);
    if (columns < 0 || columns > UINT16_MAX || rows < 0 || rows > UINT16_MAX)
        return fail(failure, "invalid", EINVAL, "no size of a terminal");
    if (job->spawned.console < 0)
        return fail(failure, "invalid", ENOTTY, "the process has no terminal");
    const struct winsize size = {.ws_col = (uint16_t)columns, .ws_row = (uint16_t)rows};
    /* The master may be closed when all have closed the terminal; the second descriptor is there as long. */
    if (job->input.fd >= 0 && ioctl(job->input.fd, TIOCSWINSZ, &size) < 0)
        return fail_errno(failure, errno, "resize");
    return done(0, result);
}

static int op_pause(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    const struct job *job = container(request, true, failure);
    return job == NULL ? -ESRCH : done(runtime_freeze(job->container, true, failure), result);
}

static int op_resume(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    const struct job *job = container(request, true, failure);
    return job == NULL ? -ESRCH : done(runtime_freeze(job->container, false, failure), result);
}

static int op_update(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    const struct job *job = container(request, true, failure);
    if (job == NULL)
        return -ESRCH;
    return done(runtime_update(job->container, json_get(request, "resources"), failure), result);
}

static int op_stats(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    const struct job *job = container(request, true, failure);
    return job == NULL ? -ESRCH : statistics_put(job->spawned.cgroup, job->container, result, failure);
}

static int op_top(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    const struct job *job = container(request, true, failure);
    return job == NULL ? -ESRCH : statistics_put_processes(job->spawned.cgroup, result, failure);
}

/* guestd's own part of a deletion. One that runs is killed, and its files go when it is dead. */
static int begin_delete(const struct json_value *request, struct failure *failure) {
    const char *id = json_text(json_get(request, "container"), "");
    if (!job_container_valid(id))
        return fail(failure, "invalid", EINVAL, "a container's id is 64 hex characters");
    struct job *job = job_find(JOB_CONTAINER, id, "");
    if (job != NULL && job->state != JOB_EXITED) {
        job_remove(job);
        return 0;
    }
    const int error = runtime_stop(id, failure);
    if (error < 0)
        return error;
    job_forget_container(id);
    return 1;
}

static int op_delete(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    return done(runtime_delete_files(json_text(json_get(request, "container"), ""), failure), result);
}

static int op_list(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    (void)request;
    (void)failure;
    json_open_object(result);
    json_name(result, "containers");
    json_open_array(result);
    for (const struct job *job = job_first(); job != NULL; job = job->next) {
        if (job->kind != JOB_CONTAINER || job->forgotten || job->state == JOB_ABORTING)
            continue;
        json_open_object(result);
        json_name(result, "container");
        json_put_text(result, job->container);
        json_name(result, "state");
        json_put_text(result, job->state == JOB_EXITED ? "exited" : "running");
        json_name(result, "pid");
        json_put_integer(result, job->spawned.pid);
        json_close_object(result);
    }
    json_close_array(result);
    json_close_object(result);
    return 0;
}

static int op_configure(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    return done(host_configure(request, failure), result);
}

static int op_set_clock(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    return done(host_set_clock(json_get(request, "time"), failure), result);
}

static int op_mount_host_root(const struct json_value *request, struct json_writer *result,
                              struct failure *failure) {
    return done(runtime_mount_host_root(json_text(json_get(request, "tree"), ""), failure), result);
}

static int op_mount_disk(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    const int64_t size = json_integer(json_get(request, "size"), 0);
    if (size <= 0)
        return fail(failure, "invalid", EINVAL, "no size of a disk");
    return done(disk_mount((uint64_t)size, failure), result);
}

static int op_list_disk(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    (void)request;
    return disk_put_list(result, failure);
}

static int op_sync_disk(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    (void)request;
    return done(disk_sync(failure), result);
}

static int op_make_volume(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    return done(disk_make_volume(json_text(json_get(request, "volume"), ""), failure), result);
}

static int op_remove_volume(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    return done(disk_remove_volume(json_text(json_get(request, "volume"), ""), failure), result);
}

static int op_volume_usage(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    return disk_put_volume_usage(json_text(json_get(request, "volume"), ""), result, failure);
}

static int op_layer_usage(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    const char *id = json_text(json_get(request, "container"), "");
    if (!job_container_valid(id))
        return fail(failure, "invalid", EINVAL, "a container's id is 64 hex characters");
    return disk_put_layer_usage(id, result, failure);
}

static int op_mount_shares(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    return done(shares_mount(json_text(json_get(request, "tag"), ""), failure), result);
}

static int op_mount_volume(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    return done(volume_mount(request, failure), result);
}

static int op_unmount_volume(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    return done(volume_unmount(json_text(json_get(request, "volume"), ""), failure), result);
}

static int op_network_create(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    return done(net_create(request, failure), result);
}

static int op_network_remove(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    return done(net_remove(request, failure), result);
}

static int op_network_connect(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    const struct job *job = container(request, true, failure);
    return job == NULL ? -ESRCH : done(net_connect(request, failure), result);
}

static int op_network_disconnect(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    const struct job *job = container(request, true, failure);
    return job == NULL ? -ESRCH : done(net_disconnect(request, failure), result);
}

static int op_network_list(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    (void)request;
    (void)failure;
    net_put_list(result);
    return 0;
}

static int op_kernel_log(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    (void)request;
    return host_put_kernel_log(result, failure);
}

static const struct entry {
    const char *name;
    operation *run;
    enum lane lane;
    int (*begin)(const struct json_value *request, struct failure *failure);
} operations[] = {
    {.name = "configure", .run = op_configure},
    {.name = "set-clock", .run = op_set_clock},
    {.name = "mount-host-root", .run = op_mount_host_root},
    {.name = "signal", .run = op_signal},
    {.name = "resize", .run = op_resize},
    {.name = "pause", .run = op_pause},
    {.name = "resume", .run = op_resume},
    {.name = "update", .run = op_update},
    {.name = "stats", .run = op_stats},
    {.name = "top", .run = op_top},
    {.name = "delete", .run = op_delete, .lane = LANE_FILES, .begin = begin_delete},
    {.name = "list", .run = op_list},
    {.name = "kernel-log", .run = op_kernel_log, .lane = LANE_FILES},
    {.name = "mount-disk", .run = op_mount_disk},
    {.name = "list-disk", .run = op_list_disk, .lane = LANE_FILES},
    {.name = "sync-disk", .run = op_sync_disk, .lane = LANE_SYNC},
    {.name = "make-volume", .run = op_make_volume, .lane = LANE_FILES},
    {.name = "remove-volume", .run = op_remove_volume, .lane = LANE_FILES},
    {.name = "volume-usage", .run = op_volume_usage, .lane = LANE_WALK},
    {.name = "layer-usage", .run = op_layer_usage, .lane = LANE_WALK},
    {.name = "mount-shares", .run = op_mount_shares},
    {.name = "mount-volume", .run = op_mount_volume},
    {.name = "unmount-volume", .run = op_unmount_volume},
    {.name = "network-create", .run = op_network_create},
    {.name = "network-remove", .run = op_network_remove},
    {.name = "network-connect", .run = op_network_connect},
    {.name = "network-disconnect", .run = op_network_disconnect},
    {.name = "network-list", .run = op_network_list},
};

static const struct entry *find(const struct json_value *request) {
    const char *name = json_text(json_get(request, "op"), "");
    for (size_t index = 0; index < sizeof operations / sizeof *operations; index++)
        if (strcmp(operations[index].name, name) == 0)
            return &operations[index];
    return NULL;
}

enum lane operation_lane(const struct json_value *request) {
    const struct entry *entry = find(request);
    return entry == NULL ? LANE_LOOP : entry->lane;
}

int operation_begin(const struct json_value *request, struct failure *failure) {
    const struct entry *entry = find(request);
    return entry == NULL || entry->begin == NULL ? 1 : entry->begin(request, failure);
}

int operation_run(const struct json_value *request, struct json_writer *result, struct failure *failure) {
    const struct entry *entry = find(request);
    return entry == NULL ? fail(failure, "invalid", EINVAL, "no such operation: %.64s",
                                json_text(json_get(request, "op"), ""))
                         : entry->run(request, result, failure);
}
