#define _GNU_SOURCE
#include "net-names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"
#include "net-link.h"
#include "net-netlink.h"
#include "net-rules.h"
#include "stream.h"

#define QUESTION_MAX 4096
/* Questions that wait for the host; more of them fail at once. */
#define PENDING_MAX 512
#define CALLERS_MAX 32
/* Milliseconds for an answer, and for a TCP caller to ask. */
#define TIMEOUT 15000
#define ID_SIZE 64
/* number, container, 0 udp or 1 tcp */
#define QUESTION_HEADER (4 + ID_SIZE + 1)
#define ANSWER_HEADER 4

struct resolver {
    struct watch datagrams, listener;
    char container[ID_SIZE + 1];
    struct caller *callers;
    unsigned caller_count;
};

/* A TCP connection to a resolver. */
struct caller {
    struct watch watch;
    struct timer timer;
    struct resolver *resolver;
    struct caller *next;
    size_t length;
    uint8_t bytes[2 + QUESTION_MAX];
};

struct pending {
    struct pending *next;
    uint32_t number;
    uint64_t due;
    struct resolver *resolver;
    struct caller *caller; /* NULL: by UDP, from `peer` */
    struct sockaddr_in peer;
};

static struct stream *host;
static struct pending *pending;
static unsigned pending_count;
static uint32_t last_number;

static void forget(struct pending **link) {
    struct pending *gone = *link;
    *link = gone->next;
    pending_count--;
    free(gone);
}

static void forget_of(const struct resolver *resolver, const struct caller *caller) {
    for (struct pending **link = &pending; *link != NULL;)
        if ((*link)->resolver == resolver && (caller == NULL || (*link)->caller == caller))
            forget(link);
        else
            link = &(*link)->next;
}

static void drop_caller(struct caller *caller) {
    struct resolver *resolver = caller->resolver;
    for (struct caller **link = &resolver->callers; *link != NULL; link = &(*link)->next)
        if (*link == caller) {
            *link = caller->next;
            break;
        }
    resolver->caller_count--;
    forget_of(resolver, caller);
    loop_disarm(&caller->timer);
    loop_watch(&caller->watch, 0);
    close(caller->watch.fd);
    free(caller);
}

static void reply(struct resolver *resolver, struct caller *caller, const struct sockaddr_in *peer, const uint8_t *message,
                  size_t length) {
    if (caller == NULL) {
        sendto(resolver->datagrams.fd, message, length, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)peer,
               sizeof *peer);
        return;
    }
    const uint8_t size[2] = {(uint8_t)(length >> 8), (uint8_t)length};
    struct iovec parts[2] = {{(void *)(uintptr_t)size, 2}, {(void *)(uintptr_t)message, length}};
    const struct msghdr whole = {.msg_iov = parts, .msg_iovlen = 2};
    /* The socket's buffer is empty and larger than an answer: what doesn't fit is a caller that does not read. */
    if (sendmsg(caller->watch.fd, &whole, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)length + 2)
        drop_caller(caller);
}

/* SERVFAIL: nobody is there to answer. */
static void refuse(struct resolver *resolver, struct caller *caller, const struct sockaddr_in *peer, uint8_t *question,
                   size_t length) {
    question[2] |= 0x80;
    question[3] = (uint8_t)((question[3] & 0x70) | 2);
    reply(resolver, caller, peer, question, length);
}

static void prune(void) {
    const uint64_t now = loop_now();
    for (struct pending **link = &pending; *link != NULL;)
        if ((*link)->due < now)
            forget(link);
        else
            link = &(*link)->next;
}

static void ask(struct resolver *resolver, struct caller *caller, const struct sockaddr_in *peer, uint8_t *question,
                size_t length) {
    static uint8_t frame[QUESTION_HEADER + QUESTION_MAX];
    if (length < 12 || length > QUESTION_MAX)
        return;
    prune();
    struct pending *entry =
        host == NULL || !stream_has_room(host) || pending_count == PENDING_MAX ? NULL : calloc(1, sizeof *entry);
    if (entry == NULL) {
        refuse(resolver, caller, peer, question, length);
        return;
    }
    entry->number = ++last_number;
    entry->due = loop_now() + TIMEOUT;
    entry->resolver = resolver;
    entry->caller = caller;
    if (peer != NULL)
        entry->peer = *peer;
    entry->next = pending;
    pending = entry;
    pending_count++;
    memcpy(frame, &entry->number, 4); /* little endian, as this machine */
    memcpy(frame + 4, resolver->container, ID_SIZE);
    frame[4 + ID_SIZE] = caller != NULL;
    memcpy(frame + QUESTION_HEADER, question, length);
    stream_send(host, FRAME_QUESTION, frame, QUESTION_HEADER + length);
}

static void on_datagram(struct watch *watch, uint32_t events) {
    (void)events;
    struct resolver *resolver = container_of(watch, struct resolver, datagrams);
    static uint8_t question[QUESTION_MAX];
    for (int i = 0; i < 16; i++) {
        struct sockaddr_in peer;
        socklen_t size = sizeof peer;
        const ssize_t length =
            recvfrom(watch->fd, question, sizeof question, MSG_DONTWAIT, (struct sockaddr *)&peer, &size);
        if (length < 0)
            return;
        ask(resolver, NULL, &peer, question, (size_t)length);
    }
}

static void on_caller(struct watch *watch, uint32_t events) {
    (void)events;
    struct caller *caller = container_of(watch, struct caller, watch);
    const ssize_t length =
        recv(watch->fd, caller->bytes + caller->length, sizeof caller->bytes - caller->length, MSG_DONTWAIT);
    if (length <= 0) {
        if (length == 0 || errno != EAGAIN)
            drop_caller(caller);
        return;
    }
    caller->length += (size_t)length;
    const size_t size = caller->length < 2 ? 0 : (size_t)(caller->bytes[0] << 8 | caller->bytes[1]);
    if (size > QUESTION_MAX) {
        drop_caller(caller);
        return;
    }
    if (caller->length < 2 || caller->length < size + 2)
        return;
    static uint8_t question[QUESTION_MAX];
    memcpy(question, caller->bytes + 2, size);
    caller->length -= size + 2;
    memmove(caller->bytes, caller->bytes + 2 + size, caller->length);
    loop_arm(&caller->timer, TIMEOUT);
    ask(caller->resolver, caller, NULL, question, size);
}

static void on_timeout(struct timer *timer) { drop_caller(container_of(timer, struct caller, timer)); }

static void on_connection(struct watch *watch, uint32_t events) {
    (void)events;
    struct resolver *resolver = container_of(watch, struct resolver, listener);
    const int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    struct caller *caller = resolver->caller_count < CALLERS_MAX ? calloc(1, sizeof *caller) : NULL;
    if (caller == NULL) {
        close(fd);
        return;
    }
    caller->watch = (struct watch){.fd = fd, .ready = on_caller};
    caller->timer.ring = on_timeout;
    caller->resolver = resolver;
    caller->next = resolver->callers;
    resolver->callers = caller;
    resolver->caller_count++;
    loop_arm(&caller->timer, TIMEOUT);
    loop_watch(&caller->watch, EPOLLIN);
}

/* What the container sends to port 53 of 127.0.0.11 goes to the sockets' own ports, as Docker does it. */
static int redirect(uint16_t datagrams, uint16_t connections) {
    static const struct address self = {.family = AF_INET, .bytes = {127, 0, 0, 11}, .prefix = 32};
    const struct {
        uint8_t protocol;
        uint16_t port;
    } ways[] = {{IPPROTO_UDP, datagrams}, {IPPROTO_TCP, connections}};
    const int fd = netlink_open(NETLINK_NETFILTER);
    if (fd < 0)
        return fd;
    rules_begin();
    table_replace(AF_INET, "docker-dns");
    chain_hook("output", "nat", NF_INET_LOCAL_OUT, -100);
    for (size_t i = 0; i < 2; i++) {
        rule_begin("output");
        match_destination(&self);
        match_protocol(ways[i].protocol);
        match_port(53);
        do_translate(&self, ways[i].port);
        rule_end();
    }
    const int error = rules_send(fd);
    close(fd);
    return error;
}

static int bind_socket(int type, uint16_t *port) {
    const int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(0x7f00000b)}};
    socklen_t size = sizeof address;
    if (fd < 0)
        return -errno;
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 || (type == SOCK_STREAM && listen(fd, 16) < 0) ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
        const int error = -errno;
        close(fd);
        return error;
    }
    *port = ntohs(address.sin_port);
    return fd;
}

int resolver_open(const char *container, struct resolver **made) {
    struct resolver *resolver = calloc(1, sizeof *resolver);
    uint16_t datagrams = 0, connections = 0;
    if (resolver == NULL)
        return -ENOMEM;
    snprintf(resolver->container, sizeof resolver->container, "%s", container);
    resolver->datagrams = (struct watch){.fd = bind_socket(SOCK_DGRAM, &datagrams), .ready = on_datagram};
    resolver->listener = (struct watch){.fd = bind_socket(SOCK_STREAM, &connections), .ready = on_connection};
    int error = resolver->datagrams.fd < 0 ? resolver->datagrams.fd : resolver->listener.fd < 0 ? resolver->listener.fd : 0;
    if (error == 0)
        error = redirect(datagrams, connections);
    if (error == 0)
        error = loop_watch(&resolver->datagrams, EPOLLIN);
    if (error == 0)
        error = loop_watch(&resolver->listener, EPOLLIN);
    if (error < 0) {
        resolver_close(resolver);
        return error;
    }
    *made = resolver;
    return 0;
}

int resolver_open_host(void) {
    static struct resolver self = {.datagrams = {.fd = -1, .ready = on_datagram}, .listener = {.fd = -1}};
    static const struct address own = {.family = AF_INET, .bytes = {169, 254, 53, 53}, .prefix = 32};
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(53), .sin_addr = {htonl(0xa9fe3535)}};
    const int links = netlink_open(NETLINK_ROUTE), yes = 1;
    int error = links < 0 ? links : address_add(links, 1, &own);
    if (links >= 0)
        close(links);
    memset(self.container, '0', ID_SIZE);
    self.datagrams.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* A container may publish the port on every address. */
    setsockopt(self.datagrams.fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (error == 0 && bind(self.datagrams.fd, (const struct sockaddr *)&address, sizeof address) < 0)
        error = -errno;
    return error < 0 ? error : loop_watch(&self.datagrams, EPOLLIN);
}

void resolver_close(struct resolver *resolver) {
    if (resolver == NULL)
        return;
    while (resolver->callers != NULL)
        drop_caller(resolver->callers);
    forget_of(resolver, NULL);
    loop_close(&resolver->datagrams);
    loop_close(&resolver->listener);
    free(resolver);
}

static int on_frame(void *owner, const struct frame *frame) {
    (void)owner;
    if (frame->kind != FRAME_ANSWER || frame->length < ANSWER_HEADER || frame->length > ANSWER_HEADER + 65535)
        return -EPROTO;
    uint32_t number;
    memcpy(&number, frame->payload, sizeof number);
    for (struct pending **link = &pending; *link != NULL; link = &(*link)->next)
        if ((*link)->number == number) {
            const struct pending found = **link;
            forget(link);
            reply(found.resolver, found.caller, &found.peer, frame->payload + ANSWER_HEADER, frame->length - ANSWER_HEADER);
            break;
        }
    return (int)frame->length;
}

static void on_closed(void *owner) {
    (void)owner;
    host = NULL;
}

static const struct stream_handler handler = {.frame = on_frame, .closed = on_closed};

int names_open(struct stream *stream) {
    if (host != NULL)
        stream_close(host);
    host = stream;
    stream_hand_over(stream, &handler, NULL);
    return 0;
}
