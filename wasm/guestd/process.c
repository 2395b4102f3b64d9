#define _GNU_SOURCE
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "control.h"
#include "failure.h"
#include "json.h"
#include "log.h"
#include "process-channel.h"
#include "process-input.h"
#include "process-output.h"
#include "stream.h"

/* Execs and host processes that are over but may be asked for again; the oldest go first. */
#define FINISHED_MAX 32

static struct process *processes;

static uint64_t microseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

bool process_id_valid(const char *id) {
    size_t length = 0;
    for (; id[length] != '\0'; length++) {
        const char character = id[length];
        const bool plain = (character >= '0' && character <= '9') || (character >= 'a' && character <= 'z') ||
                           (character >= 'A' && character <= 'Z') || character == '-' || character == '_';
        if (!plain || length == PROCESS_ID_MAX)
            return false;
    }
    return length > 0;
}

bool process_container_valid(const char *id) {
    return strlen(id) == 64 && strspn(id, "0123456789abcdef") == 64;
}

struct process *process_first(void) {
    return processes;
}

struct process *process_find(enum process_kind kind, const char *container, const char *name) {
    for (struct process *process = processes; process != NULL; process = process->next)
        if (!process->forgotten && process->kind == kind && strcmp(process->container, container) == 0 &&
            strcmp(process->name, name) == 0)
            return process;
    return NULL;
}

struct process *process_refer(const struct json_value *reference, struct failure *failure) {
    const char *container = json_text(json_get(reference, "container"), "");
    const char *exec = json_text(json_get(reference, "exec"), "");
    const char *host = json_text(json_get(reference, "host"), "");
    struct process *process = NULL;
    if (*host != '\0')
        process = process_find(PROCESS_HOST, "", host);
    else if (*container == '\0')
        fail(failure, "invalid", EINVAL, "a process is named by container or host");
    else if (*exec != '\0')
        process = process_find(PROCESS_EXEC, container, exec);
    else
        process = process_find(PROCESS_CONTAINER, container, "");
    if (process != NULL)
        return process;
    if (*host != '\0' || *exec != '\0')
        fail(failure, "not-running", ESRCH, "no such process: %s", *host != '\0' ? host : exec);
    else if (*container != '\0')
        fail(failure, "no-container", ENOENT, "no such container: %s", container);
    return NULL;
}

static void close_watch(struct watch *watch) {
    if (watch->fd < 0)
        return;
    loop_watch(watch, 0);
    close(watch->fd);
    watch->fd = -1;
}

static void release(struct process *process) {
    for (struct process **link = &processes; *link != NULL; link = &(*link)->next)
        if (*link == process) {
            *link = process->next;
            break;
        }
    if (process->stream != NULL)
        stream_finish(process->stream);
    close_watch(&process->status);
    close_watch(&process->input);
    close_watch(&process->memory_events);
    for (int index = 0; index < 2; index++) {
        close_watch(&process->outputs[index].watch);
        free(process->outputs[index].replay);
    }
    free(process);
}

static bool outputs_ended(const struct process *process) {
    return process->outputs[0].watch.fd < 0 && process->outputs[1].watch.fd < 0;
}

static bool finished(const struct process *process) {
    return process->state == PROCESS_EXITED && outputs_ended(process) && process->stream == NULL;
}

/* Keep the newest of what is over: the list begins with the newest. */
static void prune(void) {
    unsigned kept = 0;
    for (struct process *process = processes, *next; process != NULL; process = next) {
        next = process->next;
        if (process->kind != PROCESS_CONTAINER && finished(process) && ++kept > FINISHED_MAX)
            release(process);
    }
}

void process_settle(struct process *process) {
    if (process->state != PROCESS_EXITED)
        return;
    if (process->stream != NULL && !process->exited_sent) {
        process->exited_sent = true;
        process_channel_exited(process);
    }
    if (process->stream != NULL && outputs_ended(process)) {
        stream_finish(process->stream);
        process->stream = NULL;
    }
    if (process->forgotten && process->stream == NULL)
        release(process);
    else
        prune();
}

/* Tell of kernel kills for want of memory as they come. */
static void on_memory_event(struct watch *watch, uint32_t events) {
    (void)events;
    struct process *process = container_of(watch, struct process, memory_events);
    char text[512];
    const ssize_t length = pread(watch->fd, text, sizeof text - 1, 0);
    if (length <= 0) {
        close_watch(watch);
        return;
    }
    text[length] = '\0';
    const char *found = strstr(text, "\noom_kill ");
    const uint64_t kills = found == NULL ? 0 : strtoull(found + strlen("\noom_kill "), NULL, 10);
    if (kills > process->oom_kills)
        control_oom(process->container);
    process->oom_kills = kills;
}

static void watch_memory(struct process *process) {
    char path[400];
    snprintf(path, sizeof path, "/sys/fs/cgroup/%s/memory.events", process->spawned.cgroup);
    process->memory_events.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (process->memory_events.fd < 0)
        return;
    on_memory_event(&process->memory_events, 0);
    if (process->memory_events.fd >= 0 && loop_watch(&process->memory_events, EPOLLPRI) < 0)
        close_watch(&process->memory_events);
}

static void exited(struct process *process) {
    process->state = PROCESS_EXITED;
    if (process->kind == PROCESS_CONTAINER) {
        process->oom_killed = runtime_oom_killed(process->container);
        if (process->memory_events.fd >= 0)
            on_memory_event(&process->memory_events, 0);
        close_watch(&process->memory_events);
    }
    close_watch(&process->input);
    process_settle(process);
}

/* Removes what a start has left. */
static void clear_away(const struct process *process) {
    struct failure failure;
    if (process->kind == PROCESS_CONTAINER && runtime_delete(process->container, &failure) < 0)
        log_line("delete %.12s after a failed start: %s", process->container, failure.message);
}

/* It never came up and is dead: clear away and tell. */
static void aborted(struct process *process) {
    clear_away(process);
    if (process->stream != NULL)
        process_channel_failed(process);
    release(process);
}

static void abort_start(struct process *process) {
    process->state = PROCESS_ABORTING;
    close_watch(&process->status);
    if (process->reaped)
        aborted(process);
    else
        kill(process->spawned.pid, SIGKILL);
}

/* The descriptors are read when the program runs: before, a terminal would report an end. */
static void adopt(struct process *process) {
    struct spawned *spawned = &process->spawned;
    const bool terminal = spawned->console >= 0;
    process->outputs[0].watch.fd = terminal ? spawned->console : spawned->stdout_pipe;
    process->outputs[1].watch.fd = terminal ? -1 : spawned->stderr_pipe;
    /* epoll takes a descriptor once: what is typed goes through a second one. */
    process->input.fd = terminal ? fcntl(spawned->console, F_DUPFD_CLOEXEC, 3) : spawned->stdin_pipe;
}

static void on_status(struct watch *watch, uint32_t events) {
    (void)events;
    struct process *process = container_of(watch, struct process, status);
    const ssize_t length = read(watch->fd, &process->failure, sizeof process->failure);
    if (length < 0 && (errno == EAGAIN || errno == EINTR) && !process->reaped)
        return;
    adopt(process);
    if (length > 0) {
        process->failure.code[sizeof process->failure.code - 1] = '\0';
        process->failure.message[sizeof process->failure.message - 1] = '\0';
        abort_start(process);
        return;
    }
    close_watch(&process->status);
    process->exec_time = (uint32_t)(microseconds() - process->began) - process->spawn_time;
    process->state = PROCESS_RUNNING;
    if (process->kind == PROCESS_CONTAINER)
        watch_memory(process);
    process_channel_started(process);
    if (process->reaped)
        exited(process);
}

struct process *process_new(enum process_kind kind, const char *container, const char *name) {
    struct process *process = calloc(1, sizeof *process);
    if (process == NULL)
        return NULL;
    process->kind = kind;
    snprintf(process->container, sizeof process->container, "%s", container);
    snprintf(process->name, sizeof process->name, "%s", name);
    process->spawned = (struct spawned){
        .pid = -1, .status = -1, .stdin_pipe = -1, .stdout_pipe = -1, .stderr_pipe = -1, .console = -1};
    process->status = (struct watch){.fd = -1, .ready = on_status};
    process->input = (struct watch){.fd = -1, .ready = process_input_ready};
    process->memory_events = (struct watch){.fd = -1, .ready = on_memory_event};
    for (int index = 0; index < 2; index++)
        process->outputs[index] = (struct output){.watch = {.fd = -1, .ready = process_output_ready},
                                                  .process = process,
                                                  .number = (uint8_t)(index + 1)};
    process->began = microseconds();
    process->next = processes;
    processes = process;
    return process;
}

void process_watch(struct process *process) {
    process->spawn_time = (uint32_t)(microseconds() - process->began);
    process->status.fd = process->spawned.status;
    const int error = loop_watch(&process->status, EPOLLIN);
    if (error < 0) {
        fail(&process->failure, "failed", -error, "epoll: %s", strerror(-error));
        adopt(process);
        abort_start(process);
    }
}

void process_drop(struct process *process) {
    clear_away(process);
    release(process);
}

void process_detach(struct process *process) {
    process->stream = NULL;
    if (process->state == PROCESS_STARTING) {
        /* The descriptors are closed with the record. */
        adopt(process);
        abort_start(process);
        return;
    }
    process_output_update(process);
    loop_watch(&process->input, 0);
    process_settle(process);
}

static void forget(struct process *process) {
    process->forgotten = true;
    if (process->stream == NULL && process->state == PROCESS_EXITED)
        release(process);
}

void process_forget_container(const char *container) {
    for (struct process *process = processes, *next; process != NULL; process = next) {
        next = process->next;
        if (process->kind != PROCESS_HOST && strcmp(process->container, container) == 0)
            forget(process);
    }
}

static void reaped(pid_t pid, int status) {
    struct process *process = processes;
    while (process != NULL && (process->spawned.pid != pid || process->reaped))
        process = process->next;
    if (process == NULL)
        return; /* an orphan that came to us */
    process->reaped = true;
    process->exit_code = (uint8_t)(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    if (process->state == PROCESS_STARTING) {
        /* Its last word may still wait to be read; this reports a failure, or that it ran. */
        on_status(&process->status, EPOLLIN);
        return;
    }
    if (process->state == PROCESS_ABORTING)
        aborted(process);
    else
        exited(process);
}

void process_reap(void) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        reaped(pid, status);
}
