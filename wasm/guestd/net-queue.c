#define _GNU_SOURCE
#include "net-queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "net-netlink.h"

/* As much of a packet as tells where it goes: the longest IPv4 header and TCP's ports. */
#define COPY 128

static void begin(uint16_t type, uint16_t number) {
    const struct nfgenmsg header = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(number)};
    netlink_begin((uint16_t)(NFNL_SUBSYS_QUEUE << 8 | type), type == NFQNL_MSG_CONFIG ? NLM_F_ACK : 0, &header,
                  sizeof header);
}

int queue_open(uint16_t number, uint32_t most) {
    const struct nfqnl_msg_config_cmd command = {.command = NFQNL_CFG_CMD_BIND};
    const struct nfqnl_msg_config_params copy = {.copy_range = htonl(COPY), .copy_mode = NFQNL_COPY_PACKET};
    const int fd = netlink_open(NETLINK_NETFILTER);
    if (fd < 0)
        return fd;
    begin(NFQNL_MSG_CONFIG, number);
    netlink_put(NFQA_CFG_CMD, &command, sizeof command);
    netlink_put(NFQA_CFG_PARAMS, &copy, sizeof copy);
    netlink_put_be32(NFQA_CFG_QUEUE_MAXLEN, most);
    const int error = netlink_send(fd);
    return error < 0 ? error : fd;
}

static bool parse_packet(const uint8_t *bytes, size_t length, struct held_packet *packet) {
    size_t transport;
    if (length < 1)
        return false;
    if (bytes[0] >> 4 == 4) {
        transport = (size_t)(bytes[0] & 15) * 4;
        if (length < 20 || transport < 20 || bytes[9] != IPPROTO_TCP)
            return false;
        packet->source = (struct address){.family = AF_INET, .prefix = 32};
        packet->destination = (struct address){.family = AF_INET, .prefix = 32};
        memcpy(packet->source.bytes, bytes + 12, 4);
        memcpy(packet->destination.bytes, bytes + 16, 4);
    } else {
        transport = 40;
        if (bytes[0] >> 4 != 6 || length < 40 || bytes[6] != IPPROTO_TCP)
            return false;
        packet->source = (struct address){.family = AF_INET6, .prefix = 128};
        packet->destination = (struct address){.family = AF_INET6, .prefix = 128};
        memcpy(packet->source.bytes, bytes + 8, 16);
        memcpy(packet->destination.bytes, bytes + 24, 16);
    }
    if (length < transport + 4)
        return false;
    packet->source_port = (uint16_t)(bytes[transport] << 8 | bytes[transport + 1]);
    packet->destination_port = (uint16_t)(bytes[transport + 2] << 8 | bytes[transport + 3]);
    return true;
}

static void parse_message(const uint8_t *bytes, size_t length, void (*each)(const struct held_packet *),
                          void (*odd)(uint32_t id)) {
    const uint8_t *payload = NULL;
    size_t payload_length = 0;
    bool known = false;
    struct held_packet packet = {0};
    size_t at = NLMSG_ALIGN(sizeof(struct nfgenmsg));
    while (at + sizeof(struct nlattr) <= length) {
        struct nlattr attribute;
        memcpy(&attribute, bytes + at, sizeof attribute);
        if (attribute.nla_len < sizeof attribute || attribute.nla_len > length - at)
            break;
        const uint8_t *data = bytes + at + sizeof attribute;
        const size_t size = attribute.nla_len - sizeof attribute;
        const int type = attribute.nla_type & NLA_TYPE_MASK;
        if (type == NFQA_PACKET_HDR && size >= sizeof(struct nfqnl_msg_packet_hdr)) {
            uint32_t id;
            memcpy(&id, data, sizeof id);
            packet.id = ntohl(id);
            known = true;
        } else if (type == NFQA_PAYLOAD) {
            payload = data;
            payload_length = size;
        }
        at += NLMSG_ALIGN((size_t)attribute.nla_len);
    }
    if (!known)
        return;
    if (payload != NULL && parse_packet(payload, payload_length, &packet))
        each(&packet);
    else
        odd(packet.id);
}

int queue_parse(const uint8_t *bytes, size_t length, void (*each)(const struct held_packet *), void (*odd)(uint32_t id)) {
    size_t at = 0;
    while (at < length) {
        struct nlmsghdr header;
        if (length - at < sizeof header)
            return -EPROTO;
        memcpy(&header, bytes + at, sizeof header);
        if (header.nlmsg_len < sizeof header || header.nlmsg_len > length - at)
            return -EPROTO;
        if (header.nlmsg_type == (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET))
            parse_message(bytes + at + sizeof header, header.nlmsg_len - sizeof header, each, odd);
        const size_t step = NLMSG_ALIGN(header.nlmsg_len);
        at = step > length - at ? length : at + step;
    }
    return 0;
}

static int decide(int fd, uint16_t number, uint32_t id, uint32_t verdict, uint32_t mark) {
    const struct nfqnl_msg_verdict_hdr decision = {.verdict = htonl(verdict), .id = htonl(id)};
    begin(NFQNL_MSG_VERDICT, number);
    netlink_put(NFQA_VERDICT_HDR, &decision, sizeof decision);
    if (mark != 0)
        netlink_put_be32(NFQA_MARK, mark);
    /* Its answers come among the packets: an error is of a packet that is gone. */
    return netlink_post(fd);
}

int queue_release(int fd, uint16_t number, uint32_t id, uint32_t mark) { return decide(fd, number, id, NF_ACCEPT, mark); }

int queue_drop(int fd, uint16_t number, uint32_t id) { return decide(fd, number, id, NF_DROP, 0); }
