#define _GNU_SOURCE
#include "stand-in.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../disk.h"
#include "../failure.h"
#include "../file-view.h"
#include "../host.h"
#include "../job.h"
#include "../json-writer.h"
#include "../json.h"
#include "../loop.h"
#include "../relay.h"
#include "../runtime.h"

bool stand_in_executes = true;

static void on_child(struct watch *watch, uint32_t events) {
    (void)events;
    struct signalfd_siginfo information;
    while (read(watch->fd, &information, sizeof information) > 0)
        continue;
    job_reap();
}

void stand_in_open(void) {
    static struct watch children = {.fd = -1, .ready = on_child};
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &child, NULL);
    assert(loop_open() == 0);
    children.fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    assert(loop_watch(&children, EPOLLIN) == 0);
    assert(relay_listen() == 0);
}

_Noreturn static void execute(const struct json_value *process, const int pipes[4][2]) {
    static const char missing[] = "executable file not found in $PATH";
    char *arguments[16] = {NULL};
    size_t count = 0;
    for (const struct json_value *item = json_first(json_get(process, "args")); item != NULL && count < 15; item = item->next)
        arguments[count++] = (char *)(uintptr_t)json_text(item, "");
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    dup2(pipes[0][0], STDIN_FILENO);
    dup2(pipes[1][1], STDOUT_FILENO);
    dup2(pipes[2][1], STDERR_FILENO);
    execvp(arguments[0], arguments);
    struct failure failure = {.code = "not-found"};
    memcpy(failure.message, missing, sizeof missing);
    if (write(pipes[3][1], &failure, sizeof failure) < 0)
        _exit(1);
    _exit(127);
}

static int spawn(const struct json_value *process, struct spawned *spawned, struct failure *failure) {
    static const struct timings none;
    int pipes[4][2];
    if (json_count(json_get(process, "args")) == 0)
        return fail(failure, "invalid", EINVAL, "no args");
    for (int index = 0; index < 4; index++)
        assert(pipe2(pipes[index], O_CLOEXEC | O_NONBLOCK) == 0);
    const pid_t pid = stand_in_executes ? fork() : vfork();
    if (pid == 0) {
        if (!stand_in_executes)
            _exit(0);
        for (int index = 0; index < 3; index++)
            fcntl(pipes[index][index == 0 ? 0 : 1], F_SETFL, 0);
        execute(process, pipes);
    }
    close(pipes[0][0]);
    for (int index = 1; index < 4; index++)
        close(pipes[index][1]);
    *spawned = (struct spawned){.pid = pid,
                                .stdin_pipe = pipes[0][1],
                                .stdout_pipe = pipes[1][0],
                                .stderr_pipe = pipes[2][0],
                                .status = pipes[3][0],
                                .console = -1,
                                .timings = &none};
    return 0;
}

int runtime_run(const struct json_value *open, struct spawned *spawned, struct failure *failure) {
    return spawn(json_get(json_get(open, "spec"), "process"), spawned, failure);
}

int runtime_exec(const struct json_value *open, pid_t init_pid, struct spawned *spawned, struct failure *failure) {
    assert(init_pid > 0);
    return spawn(json_get(open, "process"), spawned, failure);
}

int runtime_run_host(const struct json_value *open, struct spawned *spawned, struct failure *failure) {
    return spawn(json_get(open, "process"), spawned, failure);
}

int runtime_delete(const char *container, struct failure *failure) {
    (void)container;
    (void)failure;
    return 0;
}

int runtime_delete_files(const char *container, struct failure *failure) {
    (void)container;
    (void)failure;
    return 0;
}

int runtime_idle(void) {
    return 0;
}

int runtime_stop(const char *container, struct failure *failure) {
    (void)container;
    (void)failure;
    return 0;
}

int runtime_mount_host_root(const char *tree, struct failure *failure) {
    (void)tree;
    return fail(failure, "failed", EPERM, "not in a test");
}

int runtime_freeze(const char *container, bool frozen, struct failure *failure) {
    (void)container;
    (void)frozen;
    return fail(failure, "failed", EPERM, "not in a test");
}

int runtime_update(const char *container, const struct json_value *resources, struct failure *failure) {
    (void)container;
    (void)resources;
    return fail(failure, "failed", EPERM, "not in a test");
}

bool runtime_oom_killed(const char *container) {
    (void)container;
    return false;
}

int host_configure(const struct json_value *request, struct failure *failure) {
    (void)request;
    return fail(failure, "failed", EPERM, "not in a test");
}

int host_set_clock(const struct json_value *time, struct failure *failure) {
    (void)time;
    return fail(failure, "failed", EPERM, "not in a test");
}

int host_put_kernel_log(struct json_writer *result, struct failure *failure) {
    (void)failure;
    json_put_text(result, "");
    return 0;
}

int disk_mount(uint64_t size, struct failure *failure) {
    (void)size;
    return fail(failure, "failed", EPERM, "not in a test");
}

int disk_put_list(struct json_writer *result, struct failure *failure) {
    (void)result;
    return fail(failure, "failed", EPERM, "not in a test");
}

int disk_make_volume(const char *name, struct failure *failure) {
    (void)name;
    return fail(failure, "failed", EPERM, "not in a test");
}

int disk_remove_volume(const char *name, struct failure *failure) {
    (void)name;
    return fail(failure, "failed", EPERM, "not in a test");
}

/* One volume has no end, one kills who counts it. */
int disk_put_volume_usage(const char *name, struct json_writer *result, struct failure *failure) {
    (void)failure;
    if (strcmp(name, "endless") == 0)
        pause();
    if (strcmp(name, "deadly") == 0)
        raise(SIGKILL);
    json_open_object(result);
    json_name(result, "bytes");
    json_put_unsigned(result, 7);
    json_close_object(result);
    return 0;
}

int disk_put_layer_usage(const char *container, struct json_writer *result, struct failure *failure) {
    (void)container;
    (void)result;
    return fail(failure, "failed", EPERM, "not in a test");
}

int shares_mount(const char *tag, struct failure *failure) {
    (void)tag;
    return fail(failure, "failed", ENODEV, "there is no device");
}

int volume_mount(const struct json_value *request, struct failure *failure) {
    (void)request;
    return fail(failure, "failed", ENODEV, "there is no disk");
}

int volume_unmount(const char *name, struct failure *failure) {
    (void)name;
    return fail(failure, "failed", ENODEV, "there is no disk");
}

int disk_sync(struct failure *failure) {
    (void)failure;
    return 0;
}

/* A directory of the build host stands for every container. */
int file_view_prepare(const struct json_value *files, struct file_view *view, struct failure *failure) {
    *view = (struct file_view){.files = files, .namespace = -1};
    return files == NULL ? fail(failure, "invalid", EINVAL, "no files") : 0;
}

int file_view_root(const struct file_view *view, struct failure *failure) {
    (void)view;
    (void)failure;
    return open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int file_view_layers(const struct file_view *view, int *upper, int *lower, struct failure *failure) {
    (void)view;
    *upper = *lower = -1;
    return fail(failure, "failed", EPERM, "not in a test");
}
