#include "bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "stream.h"

struct bench {
    struct stream *stream;
    uint64_t left;  /* source: bytes still to send */
    size_t write;   /* source: bytes a frame */
    uint8_t *bytes; /* source: what is sent */
};

static void drop(struct bench *bench) {
    free(bench->bytes);
    free(bench);
}

static void finish(struct bench *bench) {
    stream_send(bench->stream, FRAME_END, NULL, 0);
    stream_finish(bench->stream);
    drop(bench);
}

static int on_echo(void *owner, const struct frame *frame) {
    struct bench *bench = owner;
    if (frame->kind == FRAME_END) {
        finish(bench);
        return 0;
    }
    if (frame->kind != FRAME_DATA)
        return -EPROTO;
    if (!stream_has_room(bench->stream))
        return 0;
    stream_send(bench->stream, FRAME_DATA, frame->payload, frame->length);
    return (int)frame->length;
}

static void on_echo_drained(void *owner) {
    struct bench *bench = owner;
    stream_resume(bench->stream);
}

static int on_sink(void *owner, const struct frame *frame) {
    if (frame->kind == FRAME_END)
        finish(owner);
    else if (frame->kind != FRAME_DATA)
        return -EPROTO;
    return (int)frame->length;
}

static int on_source(void *owner, const struct frame *frame) {
    (void)owner;
    (void)frame;
    return -EPROTO;
}

static void pour(void *owner) {
    struct bench *bench = owner;
    while (bench->left > 0 && stream_has_room(bench->stream)) {
        const size_t length = bench->left < bench->write ? (size_t)bench->left : bench->write;
        if (stream_send(bench->stream, FRAME_DATA, bench->bytes, length) < 0)
            return;
        bench->left -= length;
    }
    if (bench->left == 0)
        finish(bench);
}

static void on_closed(void *owner) {
    drop(owner);
}

/* An echo or source goes on while the other end sends no more. */
static bool on_ended(void *owner) {
    (void)owner;
    return true;
}

static const struct stream_handler echo = {
    .frame = on_echo, .drained = on_echo_drained, .closed = on_closed};
static const struct stream_handler sink = {.frame = on_sink, .closed = on_closed};
static const struct stream_handler source = {
    .frame = on_source, .drained = pour, .ended = on_ended, .closed = on_closed};

int bench_open(struct stream *stream, const char *channel, const struct json_value *open) {
    const struct stream_handler *handler = strcmp(channel, "echo") == 0     ? &echo
                                           : strcmp(channel, "sink") == 0   ? &sink
                                           : strcmp(channel, "source") == 0 ? &source
                                                                            : NULL;
    if (handler == NULL)
        return -EPROTO;
    struct bench *bench = calloc(1, sizeof *bench);
    if (bench == NULL)
        return -ENOMEM;
    bench->stream = stream;
    if (handler == &source) {
        bench->left = json_unsigned(json_get(open, "bytes"), 0);
        const uint64_t write = json_unsigned(json_get(open, "write"), 0);
        bench->write = (size_t)write;
        bench->bytes = write > 0 && write <= FRAME_MAX ? calloc(1, bench->write) : NULL;
        if (bench->bytes == NULL) {
            free(bench);
            return -EINVAL;
        }
    }
    stream_hand_over(stream, handler, bench);
    if (handler == &source)
        pour(bench);
    return 0;
}
