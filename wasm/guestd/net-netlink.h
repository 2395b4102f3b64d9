/* Netlink messages, built in one buffer that all of guestd shares, sent in batches. */
#ifndef NET_NETLINK_H
#define NET_NETLINK_H

#include <stddef.h>
#include <stdint.h>

/* A socket in the network namespace that the caller is in; its descriptor or -errno. It stays in that namespace. */
int netlink_open(int protocol);

/* Begin a message with its family's header; those before it stay in the batch. */
void netlink_begin(uint16_t type, uint16_t flags, const void *header, size_t size);
void netlink_put(uint16_t attribute, const void *data, size_t length);
void netlink_put_text(uint16_t attribute, const char *text);
void netlink_put_u32(uint16_t attribute, uint32_t number);
/* nf_tables' numbers are big endian. */
void netlink_put_be32(uint16_t attribute, uint32_t number);
/* An attribute that holds others: returns what netlink_end takes. */
size_t netlink_nest(uint16_t attribute);
void netlink_end(size_t nest);
/* Bytes without an attribute around them. */
void netlink_append(const void *data, size_t length);
/* Send the batch and forget it. The first error that the kernel tells, or 0; all its answers are there when it returns. */
int netlink_send(int fd);
/* The same without waiting for the answers, which stay to be read. */
int netlink_post(int fd);
/* The same for a dump: every message of the answer goes to `each`, whose payload has `length` bytes. */
int netlink_dump(int fd, void (*each)(const void *payload, size_t length, void *context), void *context);

#endif
