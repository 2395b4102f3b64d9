#define _GNU_SOURCE
#include "net-netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for the rules of a few thousand published ports. */
#define SEND_BUFFER (4 << 20)

static struct {
    uint8_t *bytes;
    size_t length, room;
    size_t message; /* where the last one begins */
    uint32_t sequence;
    int error;
} batch;

int netlink_open(int protocol) {
    const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (fd < 0)
        return -errno;
    const int yes = 1, size = SEND_BUFFER;
    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    return fd;
}

/* Zeroed and aligned. */
static void *extend(size_t length) {
    const size_t aligned = NLMSG_ALIGN(length);
    if (batch.room - batch.length < aligned) {
        const size_t room = batch.room * 2 > batch.length + aligned ? batch.room * 2 : batch.length + aligned + 4096;
        uint8_t *bytes = realloc(batch.bytes, room);
        if (bytes == NULL) {
            batch.error = -ENOMEM;
            return NULL;
        }
        batch.bytes = bytes;
        batch.room = room;
    }
    void *start = batch.bytes + batch.length;
    memset(start, 0, aligned);
    batch.length += aligned;
    if (batch.length > batch.message) {
        struct nlmsghdr *header = (struct nlmsghdr *)(void *)(batch.bytes + batch.message);
        header->nlmsg_len = (uint32_t)(batch.length - batch.message);
    }
    return start;
}

void netlink_begin(uint16_t type, uint16_t flags, const void *header, size_t size) {
    batch.message = batch.length;
    struct nlmsghdr *message = extend(sizeof *message);
    if (message == NULL)
        return;
    message->nlmsg_type = type;
    message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    message->nlmsg_seq = ++batch.sequence;
    netlink_append(header, size);
}

void netlink_append(const void *data, size_t length) {
    void *place = batch.error < 0 ? NULL : extend(length);
    if (place != NULL)
        memcpy(place, data, length);
}

void netlink_put(uint16_t attribute, const void *data, size_t length) {
    struct nlattr *place = batch.error < 0 ? NULL : extend(sizeof *place + length);
    if (place == NULL)
        return;
    place->nla_type = attribute;
    place->nla_len = (uint16_t)(sizeof *place + length);
    if (length > 0)
        memcpy(place + 1, data, length);
}

void netlink_put_text(uint16_t attribute, const char *text) { netlink_put(attribute, text, strlen(text) + 1); }

void netlink_put_u32(uint16_t attribute, uint32_t number) { netlink_put(attribute, &number, sizeof number); }

void netlink_put_be32(uint16_t attribute, uint32_t number) { netlink_put_u32(attribute, htonl(number)); }

size_t netlink_nest(uint16_t attribute) {
    const size_t nest = batch.length;
    netlink_put(attribute | NLA_F_NESTED, NULL, 0);
    return nest;
}

void netlink_end(size_t nest) {
    if (batch.error < 0)
        return;
    struct nlattr *attribute = (struct nlattr *)(void *)(batch.bytes + nest);
    attribute->nla_len = (uint16_t)(batch.length - nest);
}

int netlink_post(int fd) {
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    int error = batch.error;
    if (error == 0 &&
        sendto(fd, batch.bytes, batch.length, 0, (const struct sockaddr *)&kernel, sizeof kernel) < 0)
        error = -errno;
    batch.length = batch.message = 0;
    batch.error = 0;
    if (batch.room > (64u << 10)) {
        free(batch.bytes);
        batch.bytes = NULL;
        batch.room = 0;
    }
    return error;
}

int netlink_send(int fd) {
    static uint8_t answer[16 << 10] __attribute__((aligned(8)));
    int first = netlink_post(fd);
    ssize_t length;
    while ((length = recv(fd, answer, sizeof answer, MSG_DONTWAIT)) > 0) {
        size_t left = (size_t)length;
        for (struct nlmsghdr *header = (struct nlmsghdr *)(void *)answer; NLMSG_OK(header, left);
             header = NLMSG_NEXT(header, left)) {
            const struct nlmsgerr *error = NLMSG_DATA(header);
            if (header->nlmsg_type == NLMSG_ERROR && error->error != 0 && first == 0)
                first = error->error;
        }
    }
    return first;
}

int netlink_dump(int fd, void (*each)(const void *payload, size_t length, void *context), void *context) {
    static uint8_t answer[32 << 10] __attribute__((aligned(8)));
    const int error = netlink_post(fd);
    if (error < 0)
        return error;
    for (;;) {
        const ssize_t length = recv(fd, answer, sizeof answer, 0);
        if (length <= 0)
            return length < 0 ? -errno : -EIO;
        size_t left = (size_t)length;
        for (struct nlmsghdr *header = (struct nlmsghdr *)(void *)answer; NLMSG_OK(header, left);
             header = NLMSG_NEXT(header, left)) {
            if (header->nlmsg_type == NLMSG_DONE)
                return 0;
            if (header->nlmsg_type == NLMSG_ERROR)
                return ((const struct nlmsgerr *)NLMSG_DATA(header))->error;
            each(NLMSG_DATA(header), header->nlmsg_len - NLMSG_HDRLEN, context);
        }
    }
}
