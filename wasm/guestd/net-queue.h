/* Packets that nf_tables holds in a queue until somebody decides (nfnetlink_queue). */
#ifndef NET_QUEUE_H
#define NET_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net-link.h"

/* A first packet of a TCP connection. */
struct held_packet {
    uint32_t id; /* of the queue's, in this machine's order */
    struct address source, destination;
    uint16_t source_port, destination_port;
};

/* A socket that gets the packets of queue `number`, `most` of them at once; or -errno. */
int queue_open(uint16_t number, uint32_t most);
/* Reads one datagram of the queue's socket: calls `each` for every packet in it that is TCP over IPv4 or IPv6 as far as its
 * ports; `odd` gets the ids of all others. -EPROTO when the bytes are no netlink messages. */
int queue_parse(const uint8_t *bytes, size_t length, void (*each)(const struct held_packet *), void (*odd)(uint32_t id));
/* Let a packet go on, with this mark. */
int queue_release(int fd, uint16_t number, uint32_t id, uint32_t mark);
/* It never came. */
int queue_drop(int fd, uint16_t number, uint32_t id);

#endif
