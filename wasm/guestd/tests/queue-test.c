/* What the kernel's queue hands over is a container's: every byte of the packet may be anything. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../net-queue.h"

#define INPUTS 300000
#define MESSAGE_MAX 512

static unsigned packets, odds;
static uint32_t odd_id;
static struct held_packet last;

static void on_packet(const struct held_packet *packet) {
    assert(packet->source.family == packet->destination.family);
    assert(packet->source.family == AF_INET || packet->source.family == AF_INET6);
    packets++;
    last = *packet;
}

static void on_odd(uint32_t id) {
    odds++;
    odd_id = id;
}

/* In memory of just that length: the sanitizer sees a read beyond it. */
static int parse(const uint8_t *bytes, size_t length) {
    uint8_t *copy = malloc(length > 0 ? length : 1);
    assert(copy != NULL);
    if (length > 0)
        memcpy(copy, bytes, length);
    packets = odds = 0;
    const int error = queue_parse(copy, length, on_packet, on_odd);
    free(copy);
    return error;
}

static size_t put(uint8_t *at, uint16_t type, const void *data, size_t size) {
    const struct nlattr header = {.nla_len = (uint16_t)(sizeof header + size), .nla_type = type};
    memcpy(at, &header, sizeof header);
    memcpy(at + sizeof header, data, size);
    return (sizeof header + size + 3) / 4 * 4;
}

static size_t message(uint8_t *bytes, uint32_t id, const void *packet, size_t size) {
    memset(bytes, 0, MESSAGE_MAX);
    const struct nfqnl_msg_packet_hdr header = {.packet_id = htonl(id)};
    size_t length = sizeof(struct nlmsghdr) + sizeof(struct nfgenmsg);
    length += put(bytes + length, NFQA_PACKET_HDR, &header, sizeof header);
    if (packet != NULL)
        length += put(bytes + length, NFQA_PAYLOAD, packet, size);
    const struct nlmsghdr outer = {.nlmsg_len = (uint32_t)length,
                                   .nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET};
    memcpy(bytes, &outer, sizeof outer);
    return length;
}

static const uint8_t four[] = {0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 172, 17, 0, 2, 9, 9, 9, 9, 0x80, 1, 0, 80};
/* With an option of four bytes. */
static const uint8_t options[] = {0x46, 0, 0, 44, 0, 0, 0, 0,    64, 6, 0, 0, 172, 17,
                                  0,    2, 9, 9, 9, 9, 1, 1, 1,    0,  1, 2, 3, 4};
static const uint8_t six[44] = {0x60, [6] = 6, [8] = 0xfd, [23] = 2, [24] = 0x20, [39] = 1, [40] = 4, 1, 1, 187};

static void check_known(void) {
    uint8_t bytes[2 * MESSAGE_MAX];
    size_t length = message(bytes, 7, four, sizeof four);
    assert(parse(bytes, length) == 0 && packets == 1 && odds == 0);
    assert(last.id == 7 && last.source.family == AF_INET && last.source_port == 0x8001 && last.destination_port == 80);
    assert(last.source.bytes[0] == 172 && last.destination.bytes[3] == 9);
    length += message(bytes + length, 8, six, sizeof six);
    assert(parse(bytes, length) == 0 && packets == 2);
    assert(last.id == 8 && last.source.family == AF_INET6 && last.source_port == 0x0401 && last.destination_port == 443);
    assert(last.source.bytes[15] == 2 && last.destination.bytes[0] == 0x20);
    assert(parse(bytes, message(bytes, 9, options, sizeof options)) == 0 && packets == 1);
    assert(last.source_port == 0x0102 && last.destination_port == 0x0304);
}

static void check_odd(void) {
    uint8_t bytes[MESSAGE_MAX], packet[sizeof four];
    for (size_t size = 0; size < sizeof four; size++) {
        assert(parse(bytes, message(bytes, 3, four, size)) == 0 && packets == 0);
        assert(odds == 1 && odd_id == 3);
    }
    memcpy(packet, four, sizeof four);
    packet[9] = IPPROTO_UDP;
    assert(parse(bytes, message(bytes, 4, packet, sizeof packet)) == 0 && packets == 0 && odds == 1);
    packet[9] = 6;
    packet[0] = 0x44; /* a header shorter than there is */
    assert(parse(bytes, message(bytes, 4, packet, sizeof packet)) == 0 && packets == 0 && odds == 1);
    packet[0] = 0x4f; /* longer than the packet */
    assert(parse(bytes, message(bytes, 4, packet, sizeof packet)) == 0 && packets == 0 && odds == 1);
    assert(parse(bytes, message(bytes, 5, NULL, 0)) == 0 && odds == 1);
    assert(parse(bytes, 3) == -EPROTO);
    const size_t length = message(bytes, 6, four, sizeof four);
    assert(parse(bytes, length - 1) == -EPROTO && packets == 0);
}

static uint64_t state = 0x9e3779b97f4a7c15;

/* xorshift64* */
static uint32_t below(uint32_t limit) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 0x2545f4914f6cdd1d) >> 33) % limit;
}

static void check_mutated(void) {
    uint8_t bytes[MESSAGE_MAX];
    unsigned taken = 0;
    for (int input = 0; input < INPUTS; input++) {
        size_t length = input % 2 == 0 ? message(bytes, 1, four, sizeof four) : message(bytes, 2, six, sizeof six);
        for (uint32_t count = below(6); count > 0; count--)
            bytes[below((uint32_t)length)] = (uint8_t)below(256);
        if (below(4) == 0)
            length = below((uint32_t)length + 1);
        parse(bytes, length);
        taken += packets;
    }
    assert(taken > INPUTS / 10);
}

int main(void) {
    check_known();
    check_odd();
    check_mutated();
    puts("queue: passed");
    return 0;
}
