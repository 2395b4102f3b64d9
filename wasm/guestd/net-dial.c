#define _GNU_SOURCE
#include "net-dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "failure.h"
#include "json-writer.h"
#include "json.h"
#include "loop.h"
#include "net-link.h"
#include "relay.h"
#include "stream.h"

/* Milliseconds until an address that says nothing counts as unreachable. */
#define CONNECT_TIMEOUT 20000
#define DATAGRAM_MAX 65535

struct dial {
    struct watch watch;
    struct timer timer;
    struct stream *stream;
    bool connected; /* of datagrams: always */
};

static void drop(struct dial *dial) {
    loop_disarm(&dial->timer);
    if (dial->watch.fd >= 0) {
        loop_watch(&dial->watch, 0);
        close(dial->watch.fd);
    }
    free(dial);
}

static void send_failed(struct stream *stream, int error) {
    struct json_writer json = {0};
    struct failure failure = {.code = "failed"};
    error_text(error, failure.message, sizeof failure.message);
    failure_put(&json, &failure);
    stream_send(stream, FRAME_FAILED, json.text, json.length);
    json_writer_free(&json);
    stream_finish(stream);
}

static void fail_dial(struct dial *dial, int error) {
    struct stream *stream = dial->stream;
    drop(dial);
    send_failed(stream, error);
}

static void on_timeout(struct timer *timer) { fail_dial(container_of(timer, struct dial, timer), ETIMEDOUT); }

/* Connected, or not. */
static void on_connected(struct watch *watch, uint32_t events) {
    (void)events;
    struct dial *dial = container_of(watch, struct dial, watch);
    struct stream *stream = dial->stream;
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        error = errno;
    if (error != 0) {
        fail_dial(dial, error);
        return;
    }
    const int fd = watch->fd;
    loop_watch(watch, 0);
    watch->fd = -1;
    drop(dial);
    stream_send(stream, FRAME_STARTED, "{}", 2);
    if (relay_carry(stream, fd) < 0)
        stream_close(stream);
    else
        stream_resume(stream);
}

static void on_datagram(struct watch *watch, uint32_t events) {
    (void)events;
    struct dial *dial = container_of(watch, struct dial, watch);
    static uint8_t bytes[DATAGRAM_MAX];
    for (int i = 0; i < 16; i++) {
        const ssize_t length = recv(watch->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        /* An error is of one datagram: nobody listens now. */
        if (length < 0)
            return;
        /* As a network does: what there is no room for is lost. */
        if (stream_has_room(dial->stream))
            stream_send(dial->stream, FRAME_DATAGRAM, bytes, (size_t)length);
    }
}

static int on_frame(void *owner, const struct frame *frame) {
    struct dial *dial = owner;
    if (!dial->connected)
        return FRAME_LATER;
    if (frame->kind != FRAME_DATAGRAM)
        return -EPROTO;
    (void)!send(dial->watch.fd, frame->payload, frame->length, MSG_DONTWAIT | MSG_NOSIGNAL);
    return (int)frame->length;
}

static void on_closed(void *owner) { drop(owner); }

static const struct stream_handler handler = {.frame = on_frame, .closed = on_closed};

static int connect_to(const struct address *address, uint16_t port, bool datagrams) {
    const int type = (datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
    const int fd = socket(address->family, type, 0), yes = 1;
    if (fd < 0)
        return -errno;
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memcpy(&four.sin_addr, address->bytes, 4);
    memcpy(&six.sin6_addr, address->bytes, 16);
    if (!datagrams)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    const bool is_six = address->family == AF_INET6;
    if (connect(fd, is_six ? (const struct sockaddr *)&six : (const struct sockaddr *)&four,
                is_six ? sizeof six : sizeof four) == 0 ||
        errno == EINPROGRESS)
        return fd;
    const int error = -errno;
    close(fd);
    return error;
}

int dial_open(struct stream *stream, const struct json_value *open) {
    struct address address;
    const uint64_t port = json_unsigned(json_get(open, "port"), 0);
    const bool datagrams = strcmp(json_text(json_get(open, "protocol"), "tcp"), "udp") == 0;
    if (address_parse(json_text(json_get(open, "address"), ""), &address) < 0 || port == 0 || port > 65535)
        return -EPROTO;
    struct dial *dial = calloc(1, sizeof *dial);
    if (dial == NULL)
        return -ENOMEM;
    const int fd = connect_to(&address, (uint16_t)port, datagrams);
    if (fd < 0) {
        free(dial);
        send_failed(stream, -fd);
        return 0;
    }
    *dial = (struct dial){.watch = {.fd = fd, .ready = datagrams ? on_datagram : on_connected},
                          .timer = {.ring = on_timeout},
                          .stream = stream,
                          .connected = datagrams};
    stream_hand_over(stream, &handler, dial);
    if (datagrams)
        stream_send(stream, FRAME_STARTED, "{}", 2);
    else
        loop_arm(&dial->timer, CONNECT_TIMEOUT);
    return loop_watch(&dial->watch, datagrams ? EPOLLIN : EPOLLOUT);
}
