/* Processes in what runs already: a container's namespaces, or the host root. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup.h"
#include "cleanup.h"
#include "files.h"
#include "json.h"
#include "runtime-paths.h"
#include "spawn.h"

struct guest_process {
    int target; /* pidfd of the container's init */
    struct terminal terminal;
    struct process process;
};

static int read_process(const struct json_value *open, struct guest_process *guest, struct failure *failure) {
    *guest = (struct guest_process){.target = -1,
                                    .terminal = {.master = -1, .slave = -1, .devpts = -1},
                                    .process = {.spec = json_get(open, "process"),
                                                .seccomp = json_text(json_get(open, "seccomp"), NULL)}};
    int error = runtime_prepare();
    if (error < 0)
        return fail_errno(failure, -error, "cannot prepare to start processes");
    return guest->process.spec == NULL ? fail(failure, "invalid", EINVAL, "no process") : 0;
}

static int start(struct spawn *spawn, struct guest_process *guest, pid_t terminal_of, struct spawned *spawned,
                 struct failure *failure) {
    int error = 0;
    spawn->terminal = &guest->terminal;
    spawn->process = &guest->process;
    spawn->context = guest;
    if (json_is_true(json_get(guest->process.spec, "terminal")))
        error = terminal_open_in(terminal_of, &guest->terminal, failure);
    if (error == 0)
        error = spawn_start(spawn, spawned, failure);
    terminal_close(&guest->terminal);
    return error;
}

static int enter_container(void *context, struct failure *failure) {
    struct guest_process *guest = context;
    int error = process_prepare(&guest->process, failure);
    if (error < 0)
        return error;
    if (setns(guest->target, CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP) < 0)
        return fail_errno(failure, errno, "cannot join the container's namespaces");
    guest->process.since = process_clock();
    return process_execute(&guest->process, failure);
}

/* Where init is now: it may have moved into a cgroup of its own making, which leaves the container's closed to processes. */
static int open_cgroup_of(pid_t pid) {
    char file[32], text[CGROUP_PATH_MAX + 16];
    snprintf(file, sizeof file, "/proc/%d/cgroup", pid);
    ssize_t length = file_read(AT_FDCWD, file, text, sizeof text);
    if (length < 0)
        return (int)length;
    text[strcspn(text, "\n")] = '\0';
    return strncmp(text, "0::/", 4) != 0 ? -EINVAL : cgroup_open(text + 4);
}

static bool is_dead(int pidfd) {
    struct pollfd exited = {.fd = pidfd, .events = POLLIN};
    return poll(&exited, 1, 0) > 0;
}

int runtime_exec(const struct json_value *open, pid_t init_pid, struct spawned *spawned, struct failure *failure) {
    const char *container = json_text(json_get(open, "container"), "");
    struct guest_process guest;
    char path[CGROUP_PATH_MAX];
    int error = read_process(open, &guest, failure);
    if (error < 0)
        return error;
    cleanup_close int pidfd = pidfd_open(init_pid, 0);
    if (pidfd < 0)
        return fail(failure, "not-running", errno, "container %s is not running", container);
    error = cgroup_recall(container, path);
    cleanup_close int cgroup = error < 0 ? error : cgroup_open(path);
    if (cgroup < 0)
        return fail(failure, "no-container", -cgroup, "no container %s", container);
    guest.target = pidfd;
    struct spawn spawn = {.cgroup = cgroup, .pid_namespace = pidfd, .keep = pidfd, .enter = enter_container};
    error = start(&spawn, &guest, init_pid, spawned, failure);
    if (error < 0 && is_dead(pidfd))
        return fail(failure, "not-running", ESRCH, "container %s is not running", container);
    if (error == -EBUSY) {
        cleanup_close int inner = open_cgroup_of(init_pid);
        spawn.cgroup = inner;
        if (inner >= 0)
            error = start(&spawn, &guest, init_pid, spawned, failure);
    }
    if (error == 0)
        memcpy(spawned->cgroup, path, sizeof path);
    return error;
}

static int enter_host_root(void *context, struct failure *failure) {
    struct guest_process *guest = context;
    int error = process_prepare(&guest->process, failure);
    if (error < 0)
        return error;
    if (chroot(HOST_ROOT) < 0 || chdir("/") < 0)
        return fail_errno(failure, errno, "chroot to the host root");
    guest->process.since = process_clock();
    return process_execute(&guest->process, failure);
}

int runtime_run_host(const struct json_value *open, struct spawned *spawned, struct failure *failure) {
    struct guest_process guest;
    int error = read_process(open, &guest, failure);
    if (error < 0)
        return error;
    cleanup_close int cgroup = cgroup_open("host");
    if (cgroup < 0)
        return fail_errno(failure, -cgroup, "cannot open the cgroup of the host root");
    struct spawn spawn = {.cgroup = cgroup, .pid_namespace = -1, .keep = -1, .enter = enter_host_root};
    return start(&spawn, &guest, 0, spawned, failure);
}
