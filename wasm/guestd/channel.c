#define _GNU_SOURCE
#include "channel.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "archive.h"
#include "bench.h"
#include "control.h"
#include "json.h"
#include "log.h"
#include "loop.h"
#include "job-channel.h"
#include "net-dial.h"
#include "net-egress.h"
#include "net-names.h"
#include "relay.h"
#include "stream.h"

/* More than the 50 that must work at once; each holds at most 64 KiB to read, 128 KiB to write as a rule. */
#define STREAMS_MAX 1024
/* A stream that says nothing for so long is no channel. */
#define OPEN_TIMEOUT 10000

/* A stream before its first frame. */
struct opening {
    struct stream *stream;
    struct timer timer;
};

static void drop(struct opening *opening) {
    loop_disarm(&opening->timer);
    free(opening);
}

static int open_channel(struct stream *stream, const struct json_value *open) {
    const char *channel = json_text(json_get(open, "channel"), "");
    if (strcmp(channel, "control") == 0)
        return control_open(stream);
    if (strcmp(channel, "process") == 0)
        return job_channel_open(stream, open);
    if (strcmp(channel, "accept") == 0)
        return relay_open(stream, open);
    if (strcmp(channel, "dial") == 0)
        return dial_open(stream, open);
    if (strcmp(channel, "names") == 0)
        return names_open(stream);
    if (strcmp(channel, "egress") == 0)
        return egress_channel_open(stream);
    if (strcmp(channel, "egress-accept") == 0)
        return egress_accept_open(stream, open);
    if (strcmp(channel, "archive") == 0 || strcmp(channel, "extract") == 0)
        return archive_open(stream, open, channel[0] == 'e');
    return bench_open(stream, channel, open);
}

static int on_frame(void *owner, const struct frame *frame) {
    struct opening *opening = owner;
    if (frame->kind != FRAME_OPEN)
        return -EPROTO;
    struct json_document document;
    int error = json_parse((const char *)frame->payload, frame->length, &document);
    if (error == 0) {
        struct stream *stream = opening->stream;
        error = open_channel(stream, document.root);
        if (error == 0)
            drop(opening);
    }
    json_free(&document);
    return error < 0 ? error : (int)frame->length;
}

static void on_closed(void *owner) {
    drop(owner);
}

static void on_timeout(struct timer *timer) {
    struct opening *opening = container_of(timer, struct opening, timer);
    stream_close(opening->stream);
    drop(opening);
}

static const struct stream_handler opening_handler = {.frame = on_frame, .closed = on_closed};

void channel_accept(int fd) {
    struct opening *opening = stream_count() < STREAMS_MAX ? calloc(1, sizeof *opening) : NULL;
    if (opening == NULL) {
        close(fd);
        return;
    }
    opening->timer.ring = on_timeout;
    opening->stream = stream_open(fd, &opening_handler, opening);
    if (opening->stream == NULL)
        free(opening);
    else
        loop_arm(&opening->timer, OPEN_TIMEOUT);
}

static void on_connection(struct watch *watch, uint32_t events) {
    (void)events;
    struct sockaddr_vm peer;
    socklen_t length = sizeof peer;
    const int fd = accept4(watch->fd, (struct sockaddr *)&peer, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    /* Containers can reach AF_VSOCK when they are privileged. */
    if (length < sizeof peer || peer.svm_family != AF_VSOCK || peer.svm_cid != VMADDR_CID_HOST) {
        log_line("refused a stream of CID %u", peer.svm_cid);
        close(fd);
        return;
    }
    channel_accept(fd);
}

int channel_listen(void) {
    static struct watch listener = {.ready = on_connection};
    const struct sockaddr_vm address = {
        .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = GUEST_PORT};
    listener.fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener.fd < 0)
        return -errno;
    if (bind(listener.fd, (const struct sockaddr *)&address, sizeof address) < 0 || listen(listener.fd, STREAMS_MAX) < 0)
        return -errno;
    return loop_watch(&listener, EPOLLIN);
}
