/* Networks, which are bridges, and published ports: both make the rules of the guest's own network namespace. */
#ifndef NET_BRIDGES_H
#define NET_BRIDGES_H

#include <stdbool.h>
#include <stdint.h>

#include "net-link.h"

struct failure;
struct json_value;

#define NETWORK_ADDRESSES 4

struct network {
    struct network *next;
    char bridge[16];
    int index;
    struct address addresses[NETWORK_ADDRESSES]; /* of the bridge: the gateways */
    bool internal, masquerade;
    bool isolated; /* its containers don't reach each other */
    unsigned mtu;
};

struct port {
    struct port *next;
    uint8_t protocol; /* IPPROTO_TCP or IPPROTO_UDP */
    struct address host; /* family 0: every address */
    uint16_t host_port, port;
    struct address target;
    int holder; /* socket that keeps others from the port */
};

/* Sockets in guestd's own network namespace. */
extern int net_links, net_filters;

/* One-time: the rules that are there without a network. 0 or -errno. */
int networks_open(void);
struct network *network_find(const char *bridge);
struct network *network_first(void);
int network_create(const struct json_value *description, struct failure *failure);
int network_remove(const char *bridge, struct failure *failure);
/* Publish what the list says (ContainerNetwork's `ports`) at *ports, or nothing of it. */
int ports_open(const struct json_value *list, struct port **ports, struct failure *failure);
void ports_close(struct port **ports);

#endif
