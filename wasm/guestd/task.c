#define _GNU_SOURCE
#include "task.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "answer.h"
#include "failure.h"
#include "frame.h"
#include "json-writer.h"
#include "json.h"
#include "log.h"
#include "loop.h"
#include "stream.h"

/* Bytes of requests that are taken and not answered. */
#define PENDING_MAX (1u << 20)
#define ANSWER_MAX (FRAME_HEADER_SIZE + FRAME_MAX)

static const struct {
    unsigned most; /* processes at once */
    int nice;
    bool cancels; /* a killed one leaves nothing half done */
} lanes[LANES] = {
    [LANE_FILES] = {.most = 8, .nice = 0, .cancels = false},
    [LANE_WALK] = {.most = 2, .nice = 5, .cancels = true},
    [LANE_SYNC] = {.most = 2, .nice = 0, .cancels = true},
};

struct task {
    struct task *next;
    struct stream *stream; /* NULL: answered, or nobody asks any more */
    enum lane lane;
    int64_t id;
    pid_t pid;           /* 0: waits for its turn, -1: dead */
    struct watch output; /* the answer's frame; fd -1: none, or no more */
    uint8_t *answer;
    size_t length, room;
    size_t text_length;
    char text[];
};

/* In the order of their coming. */
static struct task *tasks;
static size_t pending;

static void release(struct task *task) {
    for (struct task **link = &tasks; *link != NULL; link = &(*link)->next)
        if (*link == task) {
            *link = task->next;
            break;
        }
    loop_close(&task->output);
    pending -= task->text_length;
    free(task->answer);
    free(task);
}

static void answer(struct task *task, const char *code, int error, const char *reason) {
    struct failure failure;
    struct json_writer json = {0};
    fail(&failure, code, error, "%s", reason);
    answer_failure(&json, task->id, &failure);
    if (!json.failed)
        stream_send(task->stream, FRAME_RESPONSE, json.text, json.length);
    json_writer_free(&json);
    task->stream = NULL;
}

_Noreturn static void work(const struct task *task, int output) {
    uint8_t header[FRAME_HEADER_SIZE];
    struct json_document document;
    struct json_writer json = {0};
    sigset_t none;
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* guestd's streams must be able to end meanwhile. */
    if (output > STDERR_FILENO + 1)
        close_range(STDERR_FILENO + 1, (unsigned)output - 1, 0);
    close_range((unsigned)output + 1, ~0u, 0);
    log_reopen();
    setpriority(PRIO_PROCESS, 0, lanes[task->lane].nice);
    if (json_parse(task->text, task->text_length, &document) < 0)
        _exit(1);
    answer_run(&json, task->id, document.root);
    if (json.failed)
        _exit(1);
    frame_header(header, FRAME_RESPONSE, json.length);
    if (write(output, header, sizeof header) != (ssize_t)sizeof header)
        _exit(1);
    for (size_t at = 0; at < json.length;) {
        const ssize_t written = write(output, json.text + at, json.length - at);
        if (written < 0)
            _exit(1);
        at += (size_t)written;
    }
    _exit(0);
}

static int run(struct task *task) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    int error = fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
    const pid_t pid = error < 0 ? -1 : fork();
    if (pid == 0)
        work(task, ends[1]);
    if (error == 0 && pid < 0)
        error = -errno;
    close(ends[1]);
    if (error < 0) {
        close(ends[0]);
        return error;
    }
    task->pid = pid;
    task->output.fd = ends[0];
    error = loop_watch(&task->output, EPOLLIN);
    if (error < 0) {
        kill(pid, SIGKILL);
        loop_close(&task->output);
    }
    return error;
}

/* Give those that wait their turn. */
static void advance(void) {
    unsigned running[LANES] = {0};
    for (const struct task *task = tasks; task != NULL; task = task->next)
        running[task->lane] += task->pid > 0;
    for (struct task *task = tasks, *next; task != NULL; task = next) {
        next = task->next;
        if (task->pid != 0 || running[task->lane] >= lanes[task->lane].most)
            continue;
        const int error = run(task);
        running[task->lane] += task->pid > 0;
        if (error < 0)
            answer(task, "failed", -error, "cannot start a process for the request");
        if (task->pid == 0)
            release(task);
    }
}

/* Its answer is told and it is dead. */
static void settle(struct task *task) {
    if (task->output.fd < 0 && task->pid < 0)
        release(task);
}

static void finish(struct task *task) {
    loop_close(&task->output);
    if (task->stream != NULL && task->length > FRAME_HEADER_SIZE &&
        frame_length(task->answer) == task->length - FRAME_HEADER_SIZE) {
        stream_send(task->stream, FRAME_RESPONSE, task->answer + FRAME_HEADER_SIZE, task->length - FRAME_HEADER_SIZE);
        task->stream = NULL;
    } else if (task->stream != NULL)
        answer(task, "failed", EIO, "the request's process died");
    settle(task);
}

static int make_room(struct task *task) {
    if (task->length < task->room)
        return 0;
    const size_t room = task->room == 0 ? 512 : task->room * 2 > ANSWER_MAX ? ANSWER_MAX : task->room * 2;
    uint8_t *grown = room == task->room ? NULL : realloc(task->answer, room);
    if (grown == NULL)
        return -ENOMEM;
    task->answer = grown;
    task->room = room;
    return 0;
}

static void on_output(struct watch *watch, uint32_t events) {
    (void)events;
    struct task *task = container_of(watch, struct task, output);
    uint8_t end;
    /* A full buffer may hold the whole answer: then the end comes next. */
    const bool full = make_room(task) < 0;
    const ssize_t got =
        full ? read(watch->fd, &end, 1) : read(watch->fd, task->answer + task->length, task->room - task->length);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got > 0 && !full) {
        task->length += (size_t)got;
        return;
    }
    if (got > 0)
        task->length = 0; /* more than an answer may have */
    finish(task);
}

int task_start(struct stream *stream, enum lane lane, int64_t id, const char *text, size_t length) {
    if (length > PENDING_MAX - pending)
        return -EAGAIN;
    struct task *task = calloc(1, sizeof *task + length);
    if (task == NULL)
        return -ENOMEM;
    task->stream = stream;
    task->lane = lane;
    task->id = id;
    task->output = (struct watch){.fd = -1, .ready = on_output};
    task->text_length = length;
    memcpy(task->text, text, length);
    pending += length;
    struct task **link = &tasks;
    while (*link != NULL)
        link = &(*link)->next;
    *link = task;
    advance();
    return 0;
}

/* No answer of its process is wanted any more. */
static void stop(struct task *task) {
    task->stream = NULL;
    if (task->pid == 0) {
        release(task);
        return;
    }
    if (task->pid > 0 && lanes[task->lane].cancels)
        kill(task->pid, SIGKILL); /* the lane is free when it is dead */
    loop_close(&task->output);
    settle(task);
}

void task_cancel(struct stream *stream, int64_t id) {
    struct task *task = tasks;
    while (task != NULL && (task->stream != stream || task->id != id))
        task = task->next;
    if (task == NULL || (task->pid != 0 && !lanes[task->lane].cancels))
        return;
    answer(task, "cancelled", ECANCELED, "cancelled");
    stop(task);
}

void task_abandon(const struct stream *stream) {
    for (struct task *task = tasks, *next; task != NULL; task = next) {
        next = task->next;
        if (task->stream == stream)
            stop(task);
    }
}

void task_reaped(pid_t pid) {
    struct task *task = tasks;
    while (task != NULL && task->pid != pid)
        task = task->next;
    if (task == NULL)
        return; /* an orphan that came to us */
    task->pid = -1;
    settle(task);
    advance();
}
