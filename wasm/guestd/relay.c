#define _GNU_SOURCE
#include "relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "json.h"
#include "log.h"
#include "loop.h"
#include "net-link.h"
#include "stream.h"

#define CHUNK (64u << 10)
#define ACCEPT_TIMEOUT 10000
/* Waiting for the host; more of them wait in the socket's backlog. */
#define WAITING_MAX 64

struct service {
    struct watch watch;
    const char *name, *path;
    mode_t mode;
};

struct relay {
    struct watch watch; /* the guest process's connection */
    struct timer timer; /* until the host accepts */
    struct stream *stream; /* NULL: not accepted yet */
    struct relay *next; /* of those that wait */
    uint32_t number;
    const char *service;
    bool guest_ended, host_ended;
    bool writing; /* the host's bytes wait for room in the connection */
    bool carried; /* TCP, in the list of those */
};

static void on_connection(struct watch *watch, uint32_t events);

static struct service services[] = {
    {{.fd = -1, .ready = on_connection}, "docker-cli", RELAY_DOCKER_CLI, 0666},
    {{.fd = -1, .ready = on_connection}, "docker-socket", RELAY_DOCKER_SOCKET, 0660},
};
static struct relay *waiting, *carried;
static unsigned waiting_count;
static uint32_t last_number;
static uint8_t chunk[CHUNK];

static void listen_again(void) {
    for (size_t index = 0; index < sizeof services / sizeof *services; index++)
        if (services[index].watch.fd >= 0)
            loop_watch(&services[index].watch, waiting_count < WAITING_MAX ? EPOLLIN : 0);
}

static void stop_waiting(struct relay *relay) {
    for (struct relay **link = &waiting; *link != NULL; link = &(*link)->next)
        if (*link == relay) {
            *link = relay->next;
            waiting_count--;
            break;
        }
    loop_disarm(&relay->timer);
    listen_again();
}

static void drop(struct relay *relay) {
    for (struct relay **link = &carried; relay->carried && *link != NULL; link = &(*link)->next)
        if (*link == relay) {
            *link = relay->next;
            break;
        }
    loop_watch(&relay->watch, 0);
    close(relay->watch.fd);
    free(relay);
}

static void on_timeout(struct timer *timer) {
    struct relay *relay = container_of(timer, struct relay, timer);
    log_line("connection %u to %s: not accepted", relay->number, relay->service);
    stop_waiting(relay);
    drop(relay);
}

/* Both directions are over. */
static bool settled(struct relay *relay) {
    if (!relay->guest_ended || !relay->host_ended)
        return false;
    stream_finish(relay->stream);
    drop(relay);
    return true;
}

void relay_reset_at_close(int fd) {
    const struct linger now = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static void abandon(const struct relay *relay) {
    if (relay->carried)
        relay_reset_at_close(relay->watch.fd);
}

/* The connection is broken: the host sees a close without `end`. */
static void break_off(struct relay *relay) {
    stream_close(relay->stream);
    abandon(relay);
    drop(relay);
}

static void update(struct relay *relay) {
    uint32_t events = relay->writing ? EPOLLOUT : 0;
    if (!relay->guest_ended && stream_has_room(relay->stream))
        events |= EPOLLIN;
    if (events == 0 && relay->guest_ended)
        events = EPOLLET; /* a hang-up is told always */
    loop_watch(&relay->watch, events);
}

/* The guest process is gone and reads no more: the host need not write on. */
static void hang_up(struct relay *relay) {
    stream_finish(relay->stream);
    drop(relay);
}

static void on_guest(struct watch *watch, uint32_t events) {
    struct relay *relay = container_of(watch, struct relay, watch);
    if (relay->writing && (events & EPOLLOUT) != 0) {
        relay->writing = false;
        stream_resume(relay->stream); /* may pause it again, or end it: the watch tells */
        return;
    }
    if (relay->guest_ended && (events & (EPOLLERR | EPOLLHUP)) != 0) {
        hang_up(relay);
        return;
    }
    if (relay->guest_ended || (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) == 0) {
        update(relay);
        return;
    }
    const ssize_t length = recv(watch->fd, chunk, sizeof chunk, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length < 0) {
        break_off(relay);
        return;
    }
    if (length > 0) {
        stream_send(relay->stream, FRAME_DATA, chunk, (size_t)length);
    } else {
        relay->guest_ended = true;
        stream_send(relay->stream, FRAME_END, NULL, 0);
        if ((events & EPOLLHUP) != 0) {
            hang_up(relay);
            return;
        }
    }
    update(relay);
}

static int on_frame(void *owner, const struct frame *frame) {
    struct relay *relay = owner;
    if (relay->host_ended || (frame->kind != FRAME_DATA && frame->kind != FRAME_END))
        return -EPROTO;
    if (frame->kind == FRAME_END) {
        relay->host_ended = true;
        shutdown(relay->watch.fd, SHUT_WR);
        settled(relay);
        return 0;
    }
    size_t taken = 0;
    while (taken < frame->length) {
        const ssize_t sent =
            send(relay->watch.fd, frame->payload + taken, frame->length - taken, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN) {
            relay->writing = true;
            break;
        }
        if (sent < 0 && errno != EINTR) {
            if (relay->guest_ended)
                return -errno; /* it reads no more either */
            /* What it wrote before it closed is still to be read. */
            return (int)frame->length;
        }
        if (sent > 0)
            taken += (size_t)sent;
    }
    update(relay);
    return (int)taken;
}

static void on_drained(void *owner) {
    update(owner);
}

static bool on_ended(void *owner) {
    const struct relay *relay = owner;
    return relay->host_ended;
}

static void on_closed(void *owner) {
    abandon(owner);
    drop(owner);
}

static const struct stream_handler handler = {
    .frame = on_frame, .drained = on_drained, .ended = on_ended, .closed = on_closed};

int relay_open(struct stream *stream, const struct json_value *open) {
    const uint64_t number = json_unsigned(json_get(open, "connection"), 0);
    struct relay *relay = waiting;
    while (relay != NULL && relay->number != number)
        relay = relay->next;
    if (relay == NULL)
        return -ENOENT;
    stop_waiting(relay);
    relay->stream = stream;
    relay->watch.ready = on_guest;
    stream_hand_over(stream, &handler, relay);
    update(relay);
    return 0;
}

void relay_tell_waiting(void) {
    for (const struct relay *relay = waiting; relay != NULL; relay = relay->next)
        control_connection(relay->number, relay->service);
}

int relay_carry(struct stream *stream, int fd) {
    struct relay *relay = calloc(1, sizeof *relay);
    if (relay == NULL) {
        close(fd);
        return -ENOMEM;
    }
    *relay = (struct relay){.watch = {.fd = fd, .ready = on_guest}, .stream = stream, .next = carried, .carried = true};
    carried = relay;
    stream_hand_over(stream, &handler, relay);
    update(relay);
    return 0;
}

static bool leads_to(int fd, const struct address *address) {
    struct sockaddr_storage storage = {0};
    socklen_t size = sizeof storage;
    if (getpeername(fd, (struct sockaddr *)&storage, &size) < 0 || storage.ss_family != address->family)
        return false;
    const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)&storage;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)&storage;
    return address->family == AF_INET6 ? memcmp(&six->sin6_addr, address->bytes, 16) == 0
                                       : memcmp(&four->sin_addr, address->bytes, 4) == 0;
}

void relay_cut(const struct address *address) {
    for (struct relay *relay = carried, *next; relay != NULL; relay = next) {
        next = relay->next;
        if (leads_to(relay->watch.fd, address))
            break_off(relay);
    }
}

static void on_connection(struct watch *watch, uint32_t events) {
    (void)events;
    const struct service *service = container_of(watch, struct service, watch);
    const int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    struct relay *relay = calloc(1, sizeof *relay);
    if (relay == NULL) {
        close(fd);
        return;
    }
    *relay = (struct relay){.watch = {.fd = fd, .ready = on_guest},
                            .timer = {.ring = on_timeout},
                            .next = waiting,
                            .number = ++last_number,
                            .service = service->name};
    waiting = relay;
    waiting_count++;
    loop_arm(&relay->timer, ACCEPT_TIMEOUT);
    listen_again();
    control_connection(relay->number, relay->service);
}

int relay_listen(void) {
    for (size_t index = 0; index < sizeof services / sizeof *services; index++) {
        struct service *service = &services[index];
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        strncpy(address.sun_path, service->path, sizeof address.sun_path - 1);
        service->watch.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (service->watch.fd < 0)
            return -errno;
        unlink(service->path);
        if (bind(service->watch.fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
            chmod(service->path, service->mode) < 0 || listen(service->watch.fd, 64) < 0)
            return -errno;
        const int error = loop_watch(&service->watch, EPOLLIN);
        if (error < 0)
            return error;
    }
    return 0;
}
