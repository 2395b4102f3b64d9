#define _GNU_SOURCE
#include "net-egress.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "files.h"
#include "json.h"
#include "log.h"
#include "loop.h"
#include "net-egress-rules.h"
#include "net-link.h"
#include "net-queue.h"
#include "relay.h"
#include "stream.h"

/* <linux/netfilter_ipv4.h>, and the same of <linux/netfilter_ipv6/ip6_tables.h>; neither can stand beside <netinet/in.h>. */
#define ORIGINAL_DESTINATION 80
/* Connections that wait for the host, and of one address. */
#define FLOWS_MAX 512
#define FLOWS_PER_SOURCE 256
/* Milliseconds: about as long as Linux tries to connect; and for a connection that was let through to arrive. */
#define HELD_TIMEOUT 120000
#define ARRIVAL_TIMEOUT 10000

struct flow {
    struct flow *next;
    uint32_t number;
    struct held_packet packet;
    struct stream *stream; /* NULL: the host has not connected yet */
    struct timer timer;
};

static struct flow *flows;
static unsigned flow_count;
static uint32_t last_number;
static struct stream *host;
static struct watch queue = {.fd = -1};
static struct watch listeners[2] = {{.fd = -1}, {.fd = -1}};

static bool same(const struct address *one, const struct address *other) {
    return one->family == other->family && memcmp(one->bytes, other->bytes, address_size(one)) == 0;
}

static bool same_flow(const struct held_packet *one, const struct held_packet *other) {
    return one->source_port == other->source_port && one->destination_port == other->destination_port &&
           same(&one->source, &other->source) && same(&one->destination, &other->destination);
}

static void remove_flow(struct flow *flow) {
    for (struct flow **link = &flows; *link != NULL; link = &(*link)->next)
        if (*link == flow) {
            *link = flow->next;
            break;
        }
    flow_count--;
    loop_disarm(&flow->timer);
    free(flow);
}

static struct flow *find(uint32_t number) {
    struct flow *flow = flows;
    while (flow != NULL && flow->number != number)
        flow = flow->next;
    return flow;
}

static void answer(uint32_t id, uint32_t mark) { queue_release(queue.fd, EGRESS_QUEUE, id, mark); }

static void tell_withdrawn(const struct flow *flow) {
    if (host != NULL)
        stream_send(host, FRAME_WITHDRAWN, &flow->number, sizeof flow->number);
}

/* Nobody waits for it any more. */
static void give_up(struct flow *flow) {
    if (flow->stream == NULL) {
        tell_withdrawn(flow);
        queue_drop(queue.fd, EGRESS_QUEUE, flow->packet.id);
    } else {
        stream_close(flow->stream);
    }
    remove_flow(flow);
}

static void on_timeout(struct timer *timer) {
    struct flow *flow = container_of(timer, struct flow, timer);
    if (flow->stream == NULL) {
        tell_withdrawn(flow);
        answer(flow->packet.id, MARK_HOST);
        remove_flow(flow);
    } else {
        give_up(flow);
    }
}

static unsigned count_of(const struct address *source) {
    unsigned count = 0;
    for (const struct flow *flow = flows; flow != NULL; flow = flow->next)
        count += same(&flow->packet.source, source);
    return count;
}

/* u32 number, u8 family, u16 port, destination, source; numbers in this machine's order, which is the protocol's. */
static void tell_host(const struct flow *flow) {
    const struct held_packet *packet = &flow->packet;
    const size_t size = address_size(&packet->destination);
    uint8_t frame[4 + 1 + 2 + 16 + 16];
    memcpy(frame, &flow->number, 4);
    frame[4] = packet->destination.family == AF_INET6 ? 6 : 4;
    memcpy(frame + 5, &packet->destination_port, 2);
    memcpy(frame + 7, packet->destination.bytes, size);
    memcpy(frame + 7 + size, packet->source.bytes, size);
    stream_send(host, FRAME_CONNECT, frame, 7 + 2 * size);
}

static void hold(const struct held_packet *packet) {
    for (struct flow *flow = flows; flow != NULL; flow = flow->next)
        if (same_flow(&flow->packet, packet)) {
            /* Sent again, as the first waits. */
            if (flow->stream == NULL)
                queue_drop(queue.fd, EGRESS_QUEUE, packet->id);
            else
                answer(packet->id, MARK_GO);
            return;
        }
    if (host == NULL) {
        answer(packet->id, MARK_NETWORK);
        return;
    }
    struct flow *flow = flow_count < FLOWS_MAX && count_of(&packet->source) < FLOWS_PER_SOURCE && stream_has_room(host)
                            ? calloc(1, sizeof *flow)
                            : NULL;
    if (flow == NULL) {
        answer(packet->id, MARK_PROHIBITED);
        return;
    }
    flow->number = ++last_number;
    flow->packet = *packet;
    flow->timer.ring = on_timeout;
    flow->next = flows;
    flows = flow;
    flow_count++;
    loop_arm(&flow->timer, HELD_TIMEOUT);
    tell_host(flow);
}

static void let_go(uint32_t id) { answer(id, MARK_PROHIBITED); }

static void on_queue(struct watch *watch, uint32_t events) {
    (void)events;
    static uint8_t bytes[8192];
    for (int i = 0; i < 32; i++) {
        const ssize_t length = recv(watch->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (length <= 0)
            return;
        queue_parse(bytes, (size_t)length, hold, let_go);
    }
}

static void read_address(const struct sockaddr_storage *storage, struct address *address, uint16_t *port) {
    if (storage->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)storage;
        *address = (struct address){.family = AF_INET6, .prefix = 128};
        memcpy(address->bytes, &six->sin6_addr, 16);
        *port = ntohs(six->sin6_port);
    } else {
        const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)storage;
        *address = (struct address){.family = AF_INET, .prefix = 32};
        memcpy(address->bytes, &four->sin_addr, 4);
        *port = ntohs(four->sin_port);
    }
}

/* Where the connection was meant to go. */
static int read_ends(int fd, struct held_packet *ends) {
    struct sockaddr_storage storage = {0};
    socklen_t size = sizeof storage;
    if (getpeername(fd, (struct sockaddr *)&storage, &size) < 0)
        return -errno;
    read_address(&storage, &ends->source, &ends->source_port);
    const bool six = ends->source.family == AF_INET6;
    size = six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (getsockopt(fd, six ? SOL_IPV6 : SOL_IP, ORIGINAL_DESTINATION, &storage, &size) < 0)
        return -errno;
    read_address(&storage, &ends->destination, &ends->destination_port);
    return 0;
}

static void on_connection(struct watch *watch, uint32_t events) {
    (void)events;
    for (int i = 0; i < 16; i++) {
        const int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), yes = 1;
        if (fd < 0)
            return;
        struct held_packet ends = {0};
        struct flow *flow = read_ends(fd, &ends) < 0 ? NULL : flows;
        while (flow != NULL && (flow->stream == NULL || !same_flow(&flow->packet, &ends)))
            flow = flow->next;
        if (flow == NULL) {
            /* What it was to lead to broke meanwhile. */
            relay_reset_at_close(fd);
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        struct stream *stream = flow->stream;
        remove_flow(flow);
        if (relay_carry(stream, fd) < 0)
            stream_close(stream);
        else
            stream_resume(stream);
    }
}

static int listen_at(struct watch *watch, int family) {
    const struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(EGRESS_PORT)};
    const struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(EGRESS_PORT)};
    const int yes = 1;
    const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    *watch = (struct watch){.fd = fd, .ready = on_connection};
    if (bind(fd, family == AF_INET6 ? (const struct sockaddr *)&six : (const struct sockaddr *)&four,
             family == AF_INET6 ? sizeof six : sizeof four) < 0 ||
        listen(fd, 256) < 0)
        return -errno;
    return loop_watch(watch, EPOLLIN);
}

static int make_link(int links) {
    static const struct address own[] = {
        {.family = AF_INET, .bytes = {169, 254, 53, 1}, .prefix = 32},
        /* fd53::1: of no network, and with one of those addresses IPv4 is tried first. */
        {.family = AF_INET6, .bytes = {0xfd, 0x53, [15] = 1}, .prefix = 128},
    };
    int error = link_add_dummy(links, EGRESS_LINK);
    const int index = error < 0 ? error : link_index(links, EGRESS_LINK);
    if (index < 0)
        return index;
    file_write(AT_FDCWD, "/proc/sys/net/ipv6/conf/" EGRESS_LINK "/accept_ra", "0");
    file_write(AT_FDCWD, "/proc/sys/net/ipv6/conf/" EGRESS_LINK "/disable_ipv6", "0");
    for (size_t i = 0; error == 0 && i < sizeof own / sizeof *own; i++)
        error = address_add(links, index, &own[i]);
    if (error == 0)
        error = route_set_default_link(links, AF_INET, index);
    return error == 0 ? route_set_default_link(links, AF_INET6, index) : error;
}

int egress_open(int links) {
    int error = make_link(links);
    if (error == 0)
        error = queue.fd = queue_open(EGRESS_QUEUE, FLOWS_MAX * 2);
    queue.ready = on_queue;
    if (error >= 0)
        error = loop_watch(&queue, EPOLLIN);
    if (error == 0)
        error = listen_at(&listeners[0], AF_INET);
    if (error == 0)
        error = listen_at(&listeners[1], AF_INET6);
    return error;
}

void egress_forget(const struct address *address) {
    for (struct flow *flow = flows, *next; flow != NULL; flow = next) {
        next = flow->next;
        if (same(&flow->packet.source, address))
            give_up(flow);
    }
    relay_cut(address);
}

static int on_frame(void *owner, const struct frame *frame) {
    (void)owner;
    static const uint32_t marks[] = {0, MARK_RESET, MARK_NETWORK, MARK_HOST, MARK_PROHIBITED};
    uint32_t number;
    if (frame->kind != FRAME_REFUSE || frame->length != sizeof number + 1)
        return -EPROTO;
    memcpy(&number, frame->payload, sizeof number);
    const uint8_t reason = frame->payload[sizeof number];
    if (reason == 0 || reason >= sizeof marks / sizeof *marks)
        return -EPROTO;
    struct flow *flow = find(number);
    /* It may have been withdrawn meanwhile. */
    if (flow != NULL && flow->stream == NULL) {
        answer(flow->packet.id, marks[reason]);
        remove_flow(flow);
    }
    return (int)frame->length;
}

/* Nobody is left to connect. */
static void on_closed(void *owner) {
    (void)owner;
    host = NULL;
    for (struct flow *flow = flows, *next; flow != NULL; flow = next) {
        next = flow->next;
        if (flow->stream == NULL) {
            answer(flow->packet.id, MARK_NETWORK);
            remove_flow(flow);
        }
    }
}

static const struct stream_handler handler = {.frame = on_frame, .closed = on_closed};

int egress_channel_open(struct stream *stream) {
    if (host != NULL) {
        stream_close(host);
        on_closed(NULL);
    }
    host = stream;
    stream_hand_over(stream, &handler, NULL);
    return 0;
}

/* The connection has not arrived yet: its bytes wait. */
static int on_early_frame(void *owner, const struct frame *frame) {
    (void)owner;
    (void)frame;
    return FRAME_LATER;
}

static void on_accept_closed(void *owner) { remove_flow(owner); }

static const struct stream_handler early = {.frame = on_early_frame, .closed = on_accept_closed};

int egress_accept_open(struct stream *stream, const struct json_value *open) {
    struct flow *flow = find((uint32_t)json_unsigned(json_get(open, "connection"), 0));
    if (flow == NULL || flow->stream != NULL)
        return -ENOENT;
    flow->stream = stream;
    stream_hand_over(stream, &early, flow);
    loop_arm(&flow->timer, ARRIVAL_TIMEOUT);
    answer(flow->packet.id, MARK_GO);
    return 0;
}

unsigned egress_count(void) { return flow_count; }
