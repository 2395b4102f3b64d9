#define _GNU_SOURCE
#include "job.h"

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
#include "net.h"
#include "job-channel.h"
#include "job-input.h"
#include "job-output.h"
#include "stream.h"
#include "task.h"

/* Execs and host processes that are over but may be asked for again; the oldest go first. */
#define FINISHED_MAX 32

static struct job *jobs;

static uint64_t microseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

bool job_id_valid(const char *id) {
    size_t length = 0;
    for (; id[length] != '\0'; length++) {
        const char character = id[length];
        const bool plain = (character >= '0' && character <= '9') || (character >= 'a' && character <= 'z') ||
                           (character >= 'A' && character <= 'Z') || character == '-' || character == '_';
        if (!plain || length == JOB_ID_MAX)
            return false;
    }
    return length > 0;
}

bool job_container_valid(const char *id) {
    return strlen(id) == 64 && strspn(id, "0123456789abcdef") == 64;
}

struct job *job_first(void) {
    return jobs;
}

struct job *job_find(enum job_kind kind, const char *container, const char *name) {
    for (struct job *job = jobs; job != NULL; job = job->next)
        if (!job->forgotten && job->kind == kind && strcmp(job->container, container) == 0 &&
            strcmp(job->name, name) == 0)
            return job;
    return NULL;
}

struct job *job_refer(const struct json_value *reference, struct failure *failure) {
    const char *container = json_text(json_get(reference, "container"), "");
    const char *exec = json_text(json_get(reference, "exec"), "");
    const char *host = json_text(json_get(reference, "host"), "");
    struct job *job = NULL;
    if (*host != '\0')
        job = job_find(JOB_HOST, "", host);
    else if (*container == '\0')
        fail(failure, "invalid", EINVAL, "a process is named by container or host");
    else if (*exec != '\0')
        job = job_find(JOB_EXEC, container, exec);
    else
        job = job_find(JOB_CONTAINER, container, "");
    if (job != NULL)
        return job;
    if (*host != '\0' || *exec != '\0')
        fail(failure, "not-running", ESRCH, "no such process: %s", *host != '\0' ? host : exec);
    else if (*container != '\0')
        fail(failure, "no-container", ENOENT, "no such container: %s", container);
    return NULL;
}

static void release(struct job *job) {
    for (struct job **link = &jobs; *link != NULL; link = &(*link)->next)
        if (*link == job) {
            *link = job->next;
            break;
        }
    if (job->stream != NULL)
        stream_finish(job->stream);
    loop_close(&job->status);
    loop_close(&job->input);
    loop_close(&job->memory_events);
    for (int index = 0; index < 2; index++) {
        loop_close(&job->outputs[index].watch);
        free(job->outputs[index].replay);
    }
    free(job);
}

static bool outputs_ended(const struct job *job) {
    return job->outputs[0].watch.fd < 0 && job->outputs[1].watch.fd < 0;
}

static bool finished(const struct job *job) {
    return job->state == JOB_EXITED && outputs_ended(job) && job->stream == NULL;
}

/* Keep the newest of what is over: the list begins with the newest. */
static void prune(void) {
    unsigned kept = 0;
    for (struct job *job = jobs, *next; job != NULL; job = next) {
        next = job->next;
        if (job->kind != JOB_CONTAINER && finished(job) && ++kept > FINISHED_MAX)
            release(job);
    }
}

void job_settle(struct job *job) {
    if (job->state != JOB_EXITED)
        return;
    if (job->stream != NULL && !job->exited_sent) {
        job->exited_sent = true;
        job_channel_exited(job);
    }
    if (job->stream != NULL && outputs_ended(job)) {
        stream_finish(job->stream);
        job->stream = NULL;
    }
    if (job->forgotten && job->stream == NULL)
        release(job);
    else
        prune();
}

/* Tell of kernel kills for want of memory as they come. */
static void on_memory_event(struct watch *watch, uint32_t events) {
    (void)events;
    struct job *job = container_of(watch, struct job, memory_events);
    char text[512];
    const ssize_t length = pread(watch->fd, text, sizeof text - 1, 0);
    if (length <= 0) {
        loop_close(watch);
        return;
    }
    text[length] = '\0';
    const char *found = strstr(text, "\noom_kill ");
    const uint64_t kills = found == NULL ? 0 : strtoull(found + strlen("\noom_kill "), NULL, 10);
    if (kills > job->oom_kills)
        control_oom(job->container);
    job->oom_kills = kills;
}

static void watch_memory(struct job *job) {
    char path[400];
    snprintf(path, sizeof path, "/sys/fs/cgroup/%s/memory.events", job->spawned.cgroup);
    job->memory_events.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (job->memory_events.fd < 0)
        return;
    on_memory_event(&job->memory_events, 0);
    if (job->memory_events.fd >= 0 && loop_watch(&job->memory_events, EPOLLPRI) < 0)
        loop_close(&job->memory_events);
}

static void forget(struct job *job) {
    job->forgotten = true;
    if (job->stream == NULL && job->state == JOB_EXITED)
        release(job);
}

void job_forget_container(const char *container) {
    for (struct job *job = jobs, *next; job != NULL; job = next) {
        next = job->next;
        if (job->kind != JOB_HOST && strcmp(job->container, container) == 0)
            forget(job);
    }
}

int job_delete_container(const char *container, struct failure *failure) {
    const int error = runtime_delete(container, failure);
    if (error == 0)
        job_forget_container(container);
    return error;
}

static void exited(struct job *job) {
    job->state = JOB_EXITED;
    if (job->kind == JOB_CONTAINER) {
        const bool watched = job->memory_events.fd >= 0;
        if (watched)
            on_memory_event(&job->memory_events, 0);
        job->oom_killed = watched ? job->oom_kills > 0 : runtime_oom_killed(job->container);
        net_stop(job->container);
        loop_close(&job->memory_events);
    }
    loop_close(&job->input);
    if (!job->removing) {
        job_settle(job);
        return;
    }
    char container[JOB_ID_MAX + 1];
    struct failure failure;
    memcpy(container, job->container, sizeof container);
    job_settle(job);
    if (job_delete_container(container, &failure) < 0)
        log_line("delete %.12s: %s", container, failure.message);
}

/* Removes what a start has left, but not what an earlier run of the container has written. */
static void clear_away(const struct job *job) {
    struct failure failure;
    if (job->kind != JOB_CONTAINER)
        return;
    const int error = job->spawned.fresh ? runtime_delete(job->container, &failure) : runtime_stop(job->container, &failure);
    if (error < 0)
        log_line("delete %.12s after a failed start: %s", job->container, failure.message);
}

/* It never came up and is dead: clear away and tell. */
static void aborted(struct job *job) {
    clear_away(job);
    if (job->stream != NULL)
        job_channel_failed(job);
    release(job);
}

static void abort_start(struct job *job) {
    job->state = JOB_ABORTING;
    loop_close(&job->status);
    if (job->reaped)
        aborted(job);
    else
        kill(job->spawned.pid, SIGKILL);
}

/* The descriptors are read when the program runs: before, a terminal would report an end. */
static void adopt(struct job *job) {
    struct spawned *spawned = &job->spawned;
    const bool terminal = spawned->console >= 0;
    job->outputs[0].watch.fd = terminal ? spawned->console : spawned->stdout_pipe;
    job->outputs[1].watch.fd = terminal ? -1 : spawned->stderr_pipe;
    /* epoll takes a descriptor once: what is typed goes through a second one. */
    job->input.fd = terminal ? fcntl(spawned->console, F_DUPFD_CLOEXEC, 3) : spawned->stdin_pipe;
}

static void stop_start(struct job *job) {
    /* The descriptors are closed with the record. */
    adopt(job);
    abort_start(job);
}

static void on_status(struct watch *watch, uint32_t events) {
    (void)events;
    struct job *job = container_of(watch, struct job, status);
    const ssize_t length = read(watch->fd, &job->failure, sizeof job->failure);
    if (length < 0 && (errno == EAGAIN || errno == EINTR) && !job->reaped)
        return;
    adopt(job);
    if (length > 0) {
        job->failure.code[sizeof job->failure.code - 1] = '\0';
        job->failure.message[sizeof job->failure.message - 1] = '\0';
        abort_start(job);
        return;
    }
    loop_close(&job->status);
    job->exec_time = (uint32_t)(microseconds() - job->began) - job->spawn_time;
    job->state = JOB_RUNNING;
    if (job->kind == JOB_CONTAINER)
        watch_memory(job);
    job_channel_started(job);
    if (job->reaped)
        exited(job);
}

struct job *job_new(enum job_kind kind, const char *container, const char *name) {
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return NULL;
    job->kind = kind;
    snprintf(job->container, sizeof job->container, "%s", container);
    snprintf(job->name, sizeof job->name, "%s", name);
    job->spawned = (struct spawned){
        .pid = -1, .status = -1, .stdin_pipe = -1, .stdout_pipe = -1, .stderr_pipe = -1, .console = -1};
    job->status = (struct watch){.fd = -1, .ready = on_status};
    job->input = (struct watch){.fd = -1, .ready = job_input_ready};
    job->memory_events = (struct watch){.fd = -1, .ready = on_memory_event};
    for (int index = 0; index < 2; index++)
        job->outputs[index] = (struct output){.watch = {.fd = -1, .ready = job_output_ready},
                                                  .job = job,
                                                  .number = (uint8_t)(index + 1)};
    job->began = microseconds();
    job->next = jobs;
    jobs = job;
    return job;
}

void job_watch(struct job *job) {
    job->spawn_time = (uint32_t)(microseconds() - job->began);
    job->status.fd = job->spawned.status;
    const int error = loop_watch(&job->status, EPOLLIN);
    if (error < 0) {
        fail(&job->failure, "failed", -error, "epoll: %s", strerror(-error));
        adopt(job);
        abort_start(job);
    }
}

void job_drop(struct job *job) {
    release(job);
}

void job_detach(struct job *job) {
    job->stream = NULL;
    if (job->state == JOB_STARTING) {
        stop_start(job);
        return;
    }
    job_output_update(job);
    loop_watch(&job->input, 0);
    job_settle(job);
}

void job_remove(struct job *job) {
    job->removing = true;
    if (job->state == JOB_STARTING) {
        fail(&job->failure, "cancelled", ECANCELED, "the container was deleted");
        stop_start(job);
    } else if (job->state == JOB_RUNNING) {
        kill(job->spawned.pid, SIGKILL);
    }
}

static void reaped(pid_t pid, int status) {
    struct job *job = jobs;
    while (job != NULL && (job->spawned.pid != pid || job->reaped))
        job = job->next;
    if (job == NULL) {
        task_reaped(pid);
        return;
    }
    job->reaped = true;
    job->exit_code = (uint8_t)(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    if (job->state == JOB_STARTING) {
        /* Its last word may still wait to be read; this reports a failure, or that it ran. */
        on_status(&job->status, EPOLLIN);
        return;
    }
    if (job->state == JOB_ABORTING)
        aborted(job);
    else
        exited(job);
}

void job_reap(void) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        reaped(pid, status);
}
