#define _GNU_SOURCE
#include "archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "archive-child.h"
#include "archive-output.h"
#include "failure.h"
#include "file-view.h"
#include "json-writer.h"
#include "json.h"
#include "log.h"
#include "loop.h"
#include "stream.h"

#define BUFFER (FRAME_HEADER_SIZE + OUTPUT_DATA)
#define PIPE_SIZE (256 << 10)

struct archive {
    struct stream *stream;
    struct watch output; /* frames of the child */
    struct watch input;  /* bytes for the child; fd -1: none, or no more */
    struct frame_reader reader;
    bool extract, host_ended, answered;
    size_t start, end; /* of what is read and not sent yet */
    uint8_t buffer[BUFFER];
};

/* The child ends by itself: its pipes are closed. */
static void drop(struct archive *archive) {
    loop_close(&archive->output);
    loop_close(&archive->input);
    free(archive);
}

static void send_failed(struct stream *stream, const struct failure *failure) {
    struct json_writer json = {0};
    failure_put(&json, failure);
    if (!json.failed)
        stream_send(stream, FRAME_FAILED, json.text, json.length);
    json_writer_free(&json);
}

/* Hand on the child's frames while there is room. -EAGAIN: more must be read first. -ENOSPC: the stream is full. */
static int forward(struct archive *archive) {
    for (;;) {
        struct frame frame;
        size_t needed = 0;
        const uint8_t *bytes = archive->buffer + archive->start;
        if (!stream_has_room(archive->stream))
            return -ENOSPC;
        const int found = frame_peek(&archive->reader, bytes, archive->end - archive->start, &frame, &needed);
        if (found <= 0)
            return found < 0 ? found : -EAGAIN;
        archive->answered = archive->answered || frame.kind == FRAME_END || frame.kind == FRAME_FAILED;
        if (frame.length > 0 || frame.kind != FRAME_DATA)
            stream_send(archive->stream, frame.kind, frame.payload, frame.length);
        archive->start += frame_advance(&archive->reader, &frame, frame.length, frame.first ? frame_length(bytes) : 0);
    }
}

static void finish(struct archive *archive) {
    if (!archive->answered) {
        struct failure failure;
        fail(&failure, "failed", EIO, "the archive's process died");
        send_failed(archive->stream, &failure);
    }
    stream_finish(archive->stream);
    drop(archive);
}

static void carry(struct archive *archive) {
    const int state = forward(archive);
    if (state == -ENOSPC) {
        loop_watch(&archive->output, 0);
        return;
    }
    if (state != -EAGAIN) { /* no frame: that child is not ours any more */
        finish(archive);
        return;
    }
    if (archive->start > 0) {
        memmove(archive->buffer, archive->buffer + archive->start, archive->end - archive->start);
        archive->end -= archive->start;
        archive->start = 0;
    }
    loop_watch(&archive->output, EPOLLIN);
}

static void on_output(struct watch *watch, uint32_t events) {
    (void)events;
    struct archive *archive = container_of(watch, struct archive, output);
    const ssize_t got = read(watch->fd, archive->buffer + archive->end, sizeof archive->buffer - archive->end);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        finish(archive);
        return;
    }
    archive->end += (size_t)got;
    carry(archive);
}

static void on_drained(void *owner) {
    carry(owner);
}

static void on_input(struct watch *watch, uint32_t events) {
    (void)events;
    struct archive *archive = container_of(watch, struct archive, input);
    loop_watch(watch, 0);
    stream_resume(archive->stream); /* writes, and may watch again */
}

static int on_frame(void *owner, const struct frame *frame) {
    struct archive *archive = owner;
    if (!archive->extract || archive->host_ended || (frame->kind != FRAME_DATA && frame->kind != FRAME_END))
        return -EPROTO;
    if (frame->kind == FRAME_END) {
        archive->host_ended = true;
        loop_close(&archive->input);
        return 0;
    }
    size_t taken = 0;
    while (taken < frame->length && archive->input.fd >= 0) {
        const ssize_t written = write(archive->input.fd, frame->payload + taken, frame->length - taken);
        if (written < 0 && errno == EAGAIN) {
            loop_watch(&archive->input, EPOLLOUT);
            return (int)taken;
        }
        if (written < 0 && errno != EINTR)
            loop_close(&archive->input); /* it has failed, and says why */
        if (written > 0)
            taken += (size_t)written;
    }
    return (int)frame->length;
}

static bool on_ended(void *owner) {
    const struct archive *archive = owner;
    return !archive->extract || archive->host_ended;
}

static void on_closed(void *owner) {
    drop(owner);
}

static const struct stream_handler handler = {
    .frame = on_frame, .drained = on_drained, .ended = on_ended, .closed = on_closed};

/* ours: the end that doesn't block. */
static int make_pipe(int ends[2], int ours) {
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    fcntl(ends[ours], F_SETPIPE_SZ, PIPE_SIZE); /* fewer switches between the two */
    return fcntl(ends[ours], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static void close_pipe(const int ends[2]) {
    for (int index = 0; index < 2; index++)
        if (ends[index] >= 0)
            close(ends[index]);
}

static int start(struct archive *archive, const struct json_value *open, struct failure *failure) {
    struct file_view view;
    int output[2] = {-1, -1}, input[2] = {-1, -1};
    int error = file_view_prepare(json_get(open, "files"), &view, failure);
    if (error < 0)
        return error;
    error = make_pipe(output, 0);
    if (error == 0 && archive->extract)
        error = make_pipe(input, 1);
    const pid_t pid = error < 0 ? -1 : fork();
    if (pid == 0)
        archive_child(&(struct archive_work){.open = open,
                                             .view = &view,
                                             .extract = archive->extract,
                                             .input = input[0],
                                             .output = output[1]});
    if (error == 0 && pid < 0)
        error = -errno;
    if (view.namespace >= 0)
        close(view.namespace);
    if (error < 0) {
        close_pipe(output);
        close_pipe(input);
        return fail_errno(failure, -error, "cannot start an archive");
    }
    close(output[1]);
    if (archive->extract)
        close(input[0]);
    archive->output.fd = output[0];
    archive->input.fd = input[1];
    return 0;
}

int archive_open(struct stream *stream, const struct json_value *open, bool extract) {
    struct archive *archive = calloc(1, sizeof *archive);
    struct failure failure;
    if (archive == NULL)
        return -ENOMEM;
    archive->stream = stream;
    archive->extract = extract;
    archive->output = (struct watch){.fd = -1, .ready = on_output};
    archive->input = (struct watch){.fd = -1, .ready = on_input};
    if (start(archive, open, &failure) < 0) {
        log_line("%s: %s", extract ? "extract" : "archive", failure.message);
        send_failed(stream, &failure);
        stream_finish(stream);
        free(archive);
        return 0;
    }
    const int error = loop_watch(&archive->output, EPOLLIN);
    if (error < 0) {
        drop(archive);
        return error;
    }
    stream_hand_over(stream, &handler, archive);
    return 0;
}
