#define _GNU_SOURCE
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "json.h"

#define TIMINGS 64

/* Shared with the children up to their execve. */
static struct timings *timings;
static int own_pid_namespace = -1;

int spawn_prepare(void) {
    if (timings != NULL)
        return 0;
    own_pid_namespace = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    if (own_pid_namespace < 0)
        return -errno;
    /* A child that has joined a container must show its processes neither its memory nor its descriptors nor guestd's
     * program (CVE-2016-9962, CVE-2019-5736); children inherit this up to their execve. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return -errno;
    void *memory = mmap(NULL, TIMINGS * sizeof *timings, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return -errno;
    timings = memory;
    return 0;
}

static struct timings *next_timings(void) {
    static unsigned next;
    struct timings *slot = &timings[next++ % TIMINGS];
    *slot = (struct timings){.cgroup = 0};
    return slot;
}

/* The pair's end for guestd doesn't block. */
static int make_pipe(int *reader, int *writer, int *guestd_end) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    *reader = ends[0];
    *writer = ends[1];
    return fcntl(*guestd_end, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int make_streams(const struct spawn *spawn, struct spawned *spawned, int *status) {
    struct process *process = spawn->process;
    int error = make_pipe(&spawned->status, status, &spawned->status);
    if (error < 0)
        return error;
    process->terminal = spawn->terminal->slave >= 0;
    if (process->terminal) {
        process->input = process->output = process->error = spawn->terminal->slave;
        terminal_set_size(spawn->terminal, process->spec);
        spawned->console = spawn->terminal->master;
        spawn->terminal->master = -1;
        return 0;
    }
    error = make_pipe(&process->input, &spawned->stdin_pipe, &spawned->stdin_pipe);
    if (error == 0)
        error = make_pipe(&spawned->stdout_pipe, &process->output, &spawned->stdout_pipe);
    if (error == 0)
        error = make_pipe(&spawned->stderr_pipe, &process->error, &spawned->stderr_pipe);
    return error;
}

static void close_child_ends(const struct spawn *spawn, const int *status) {
    struct process *process = spawn->process;
    cleanup_close_fd(status);
    if (!process->terminal) {
        cleanup_close_fd(&process->input);
        cleanup_close_fd(&process->output);
        cleanup_close_fd(&process->error);
    }
    terminal_close(spawn->terminal);
}

/* What guestd has open must not live on in a child that waits for a lazy file: its streams would not end. */
static void close_others(const struct spawn *spawn, int status) {
    int keep[] = {STDERR_FILENO,          status,      spawn->process->input,   spawn->process->output,
                  spawn->process->error, spawn->keep, spawn->terminal->devpts};
    const size_t count = sizeof keep / sizeof *keep;
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && keep[j] < keep[j - 1]; j--) {
            int lower = keep[j];
            keep[j] = keep[j - 1];
            keep[j - 1] = lower;
        }
    for (size_t i = 0; i < count; i++) {
        unsigned from = (unsigned)(keep[i] + 1), to = i + 1 < count ? (unsigned)keep[i + 1] : ~0u;
        if (keep[i] >= STDERR_FILENO && from < to)
            close_range(from, to - 1 + (i + 1 == count), 0);
    }
}

_Noreturn static void run_child(const struct spawn *spawn, int status) {
    struct failure failure = {.code = "failed"};
    close_others(spawn, status);
    spawn->enter(spawn->context, &failure);
    ssize_t written = write(status, &failure, sizeof failure);
    _exit(written == (ssize_t)sizeof failure ? 1 : 2);
}

/* fork with namespaces, into the cgroup. No CLONE_VM: the child works on a copy. */
static pid_t clone_child(const struct spawn *spawn) {
    struct clone_args arguments = {
        .flags = spawn->flags | CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint32_t)spawn->cgroup};
    if (spawn->pid_namespace >= 0 && setns(spawn->pid_namespace, CLONE_NEWPID) < 0)
        return -errno;
    pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    pid_t result = pid < 0 ? -errno : pid;
    if (pid != 0 && spawn->pid_namespace >= 0)
        setns(own_pid_namespace, CLONE_NEWPID);
    return result;
}

static void close_guestd_ends(struct spawned *spawned) {
    cleanup_close_fd(&spawned->status);
    cleanup_close_fd(&spawned->stdin_pipe);
    cleanup_close_fd(&spawned->stdout_pipe);
    cleanup_close_fd(&spawned->stderr_pipe);
    cleanup_close_fd(&spawned->console);
    spawned->status = spawned->stdin_pipe = spawned->stdout_pipe = spawned->stderr_pipe = spawned->console = -1;
}

int spawn_start(const struct spawn *spawn, struct spawned *spawned, struct failure *failure) {
    struct timings *slot = next_timings();
    int status = -1;
    *spawned = (struct spawned){.status = -1, .stdin_pipe = -1, .stdout_pipe = -1, .stderr_pipe = -1, .console = -1};
    spawned->timings = slot;
    spawn->process->timings = slot;
    spawn->process->input = spawn->process->output = spawn->process->error = -1;
    int error = make_streams(spawn, spawned, &status);
    if (error == 0) {
        uint64_t before = process_clock();
        pid_t pid = clone_child(spawn);
        if (pid == 0)
            run_child(spawn, status);
        slot->clone = (uint32_t)(process_clock() - before);
        error = pid < 0 ? pid : 0;
        spawned->pid = pid;
    }
    close_child_ends(spawn, &status);
    if (error < 0) {
        close_guestd_ends(spawned);
        return fail_errno(failure, -error, "cannot start a process");
    }
    return 0;
}
