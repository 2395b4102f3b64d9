/* Links, addresses and routes by rtnetlink. `fd` is a NETLINK_ROUTE socket; it acts in its own network namespace. */
#ifndef NET_LINK_H
#define NET_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct failure;

#define MAC_SIZE 6

struct address {
    int family; /* AF_INET or AF_INET6; 0: none */
    uint8_t bytes[16];
    uint8_t prefix; /* bits of the subnet */
};

/* `172.17.0.1/16`, or without a length the address alone. 0 or -EINVAL. */
int address_parse(const char *text, struct address *address);
size_t address_size(const struct address *address);
int mac_parse(const char *text, uint8_t mac[MAC_SIZE]);

/* All of these return 0 or -errno. */
int link_index(int fd, const char *name);
int link_add_bridge(int fd, const char *name, const uint8_t mac[MAC_SIZE], unsigned mtu);
/* One that everything sent to is lost on. */
int link_add_dummy(int fd, const char *name);
/* `name` here, `peer` in the namespace of descriptor `namespace`. */
int link_add_pair(int fd, const char *name, const char *peer, int namespace, unsigned mtu);
int link_delete(int fd, int index);
/* Take a link down, out of its bridge: nothing passes any more. */
int link_stop(int fd, int index);
/* Into a bridge and up; isolated: it reaches no other isolated port. */
int link_join(int fd, int index, int bridge, bool isolated, unsigned mtu);
int link_up(int fd, int index);
/* Name (or NULL), address, size and up. */
int link_set_up(int fd, int index, const char *name, const uint8_t mac[MAC_SIZE], unsigned mtu);
int address_add(int fd, int index, const struct address *address);
/* The default route of the address' family, instead of the one there is. NULL takes that one away. */
int route_set_default(int fd, int family, const struct address *gateway);
/* The same by way of a link, without a gateway. */
int route_set_default_link(int fd, int family, int index);

struct link_statistics {
    char name[16];
    uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped, tx_bytes, tx_packets, tx_errors, tx_dropped;
};
/* Of every link but the loopback; how many there are, at most `most`. */
int link_read_statistics(int fd, struct link_statistics *statistics, size_t most);

#endif
