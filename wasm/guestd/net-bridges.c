#define _GNU_SOURCE
#include "net-bridges.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "failure.h"
#include "files.h"
#include "json.h"
#include "net-egress-rules.h"
#include "net-rules.h"

/* As dockerd's own backend for nftables calls it. */
#define TABLE "docker-bridges"
#define MTU 1500

int net_links = -1, net_filters = -1;

static struct network *networks;
/* Every container's ports, one list after the other. */
static struct port *published[4096];
static size_t published_count;

struct network *network_first(void) { return networks; }

struct network *network_find(const char *bridge) {
    struct network *network = networks;
    while (network != NULL && strcmp(network->bridge, bridge) != 0)
        network = network->next;
    return network;
}

/* Where a connection goes that comes to a published port. */
static void put_ports(int family) {
    for (size_t list = 0; list < published_count; list++)
        for (const struct port *port = published[list]; port != NULL; port = port->next) {
            if (port->target.family != family || (port->host.family != 0 && port->host.family != family))
                continue;
            rule_begin("ports");
            if (port->host.family != 0)
                match_destination(&port->host);
            match_protocol(port->protocol);
            match_port(port->host_port);
            do_translate(&port->target, port->port);
            rule_end();
        }
}

static void put_forward(const struct network *network) {
    rule_begin("forward");
    match_input(network->bridge, true);
    match_output(network->bridge, true);
    do_verdict(network->isolated ? NF_DROP : NF_ACCEPT, NULL);
    rule_end();
    rule_begin("forward");
    match_output(network->bridge, true);
    do_verdict(NF_DROP, NULL);
    rule_end();
    if (network->internal) {
        rule_begin("forward");
        match_input(network->bridge, true);
        do_verdict(NF_DROP, NULL);
        rule_end();
    }
}

static void put_masquerade(const struct network *network, int family) {
    for (size_t i = 0; i < NETWORK_ADDRESSES; i++) {
        const struct address *address = &network->addresses[i];
        if (address->family != family || !network->masquerade || network->internal)
            continue;
        rule_begin("postrouting");
        match_source(address);
        match_output(network->bridge, false);
        do_masquerade();
        rule_end();
    }
}

static void put_table(int family) {
    static const struct address loopback = {.family = AF_INET, .bytes = {127}, .prefix = 8};
    table_replace(family, TABLE);
    chain_add("ports");
    put_ports(family);
    if (family == AF_INET) {
        /* Bridges route loopback addresses for the sake of published ports: that is for this machine's own alone. */
        chain_hook("raw", "filter", NF_INET_PRE_ROUTING, -300);
        rule_begin("raw");
        match_input("lo", false);
        match_destination(&loopback);
        do_verdict(NF_DROP, NULL);
        rule_end();
    }
    chain_hook("prerouting", "nat", NF_INET_PRE_ROUTING, -100);
    chain_hook("output", "nat", NF_INET_LOCAL_OUT, -100);
    static const char *const ways[] = {"prerouting", "output"};
    for (size_t i = 0; i < 2; i++) {
        rule_begin(ways[i]);
        match_local();
        do_verdict(NFT_JUMP, "ports");
        rule_end();
        egress_put_redirect(ways[i]);
    }
    chain_hook("forward", "filter", NF_INET_FORWARD, 0);
    rule_begin("forward");
    match_established();
    do_verdict(NF_ACCEPT, NULL);
    rule_end();
    rule_begin("forward");
    match_translated();
    do_verdict(NF_ACCEPT, NULL);
    rule_end();
    for (const struct network *network = networks; network != NULL; network = network->next)
        put_forward(network);
    chain_hook("postrouting", "nat", NF_INET_POST_ROUTING, 100);
    egress_put_keep("postrouting");
    /* Who comes by a published port is answered by way of the gateway, as with Docker's userland proxy: also a
     * neighbour on the same bridge, the container itself, and a process of the guest by 127.0.0.1. */
    rule_begin("postrouting");
    match_translated();
    do_masquerade();
    rule_end();
    for (const struct network *network = networks; network != NULL; network = network->next)
        put_masquerade(network, family);
    egress_put_rules(family);
}

/* All rules are made anew from what there is: nothing can be left of what went. */
static int apply(void) {
    rules_begin();
    put_table(AF_INET);
    put_table(AF_INET6);
    return rules_send(net_filters);
}

int networks_open(void) { return apply(); }

static void write_setting(const char *family, const char *bridge, const char *name, const char *value) {
    char path[128];
    snprintf(path, sizeof path, "/proc/sys/net/%s/conf/%s/%s", family, bridge, name);
    file_write(AT_FDCWD, path, value);
}

static int read_addresses(const struct json_value *list, struct network *network) {
    size_t count = 0;
    for (const struct json_value *item = json_first(list); item != NULL; item = item->next)
        if (count == NETWORK_ADDRESSES || address_parse(json_text(item, ""), &network->addresses[count++]) < 0)
            return -EINVAL;
    return 0;
}

static int make_bridge(struct network *network) {
    uint8_t mac[MAC_SIZE];
    if (getrandom(mac, sizeof mac, 0) < 0)
        return -errno;
    mac[0] = (uint8_t)((mac[0] & 0xfe) | 2); /* for one station, given here */
    int error = link_add_bridge(net_links, network->bridge, mac, network->mtu);
    if (error == -EEXIST)
        error = 0;
    network->index = error < 0 ? error : link_index(net_links, network->bridge);
    if (network->index < 0)
        return network->index;
    bool six = false;
    for (size_t i = 0; i < NETWORK_ADDRESSES; i++)
        six |= network->addresses[i].family == AF_INET6;
    if (six) {
        file_write(AT_FDCWD, "/proc/sys/net/ipv6/conf/all/forwarding", "1");
        write_setting("ipv6", network->bridge, "accept_dad", "0");
        write_setting("ipv6", network->bridge, "disable_ipv6", "0");
    }
    write_setting("ipv4", network->bridge, "route_localnet", "1");
    error = link_up(net_links, network->index);
    for (size_t i = 0; error == 0 && i < NETWORK_ADDRESSES; i++)
        if (network->addresses[i].family != 0)
            error = address_add(net_links, network->index, &network->addresses[i]);
    return error;
}

int network_create(const struct json_value *description, struct failure *failure) {
    const char *bridge = json_text(json_get(description, "bridge"), "");
    if (*bridge == '\0' || strlen(bridge) > 15 || strpbrk(bridge, "/: \t") != NULL || *bridge == '.')
        return fail(failure, "invalid", EINVAL, "no valid name of a bridge");
    if (network_find(bridge) != NULL)
        return 0;
    struct network *network = calloc(1, sizeof *network);
    if (network == NULL)
        return fail(failure, "failed", ENOMEM, "out of memory");
    snprintf(network->bridge, sizeof network->bridge, "%s", bridge);
    network->internal = json_is_true(json_get(description, "internal"));
    network->isolated = json_is_true(json_get(description, "isolated"));
    network->masquerade = json_is_true(json_get(description, "masquerade"));
    network->mtu = (unsigned)json_unsigned(json_get(description, "mtu"), MTU);
    int error = read_addresses(json_get(description, "addresses"), network);
    if (error < 0) {
        free(network);
        return fail(failure, "invalid", EINVAL, "no valid addresses of %s", bridge);
    }
    error = make_bridge(network);
    if (error == 0) {
        network->next = networks;
        networks = network;
        error = apply();
    }
    if (error == 0)
        return 0;
    networks = networks == network ? network->next : networks;
    if (network->index > 0)
        link_delete(net_links, network->index);
    free(network);
    return fail_errno(failure, -error, "cannot make the bridge %s", bridge);
}

int network_remove(const char *bridge, struct failure *failure) {
    struct network **link = &networks;
    while (*link != NULL && strcmp((*link)->bridge, bridge) != 0)
        link = &(*link)->next;
    struct network *network = *link;
    if (network == NULL)
        return 0;
    *link = network->next;
    const int deleted = link_delete(net_links, network->index);
    const int error = apply();
    free(network);
    if (deleted < 0 && deleted != -ENODEV)
        return fail_errno(failure, -deleted, "cannot remove the bridge %s", bridge);
    return error < 0 ? fail_errno(failure, -error, "nf_tables") : 0;
}

/* A socket at the port that nobody talks to: the rules are quicker. It shows in `ss`, and keeps others away. */
static int hold(struct port *port) {
    struct sockaddr_storage storage = {0};
    const bool six = port->host.family == AF_INET6;
    struct sockaddr_in *four = (struct sockaddr_in *)(void *)&storage;
    struct sockaddr_in6 *address = (struct sockaddr_in6 *)(void *)&storage;
    if (six) {
        *address = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port->host_port)};
        memcpy(&address->sin6_addr, port->host.bytes, 16);
    } else {
        *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port->host_port)};
        memcpy(&four->sin_addr, port->host.bytes, 4);
    }
    const bool tcp = port->protocol == IPPROTO_TCP;
    port->holder = socket(six ? AF_INET6 : AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    if (port->holder < 0)
        return -errno;
    const int yes = 1;
    if (tcp || port->host_port == 53)
        setsockopt(port->holder, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (six)
        setsockopt(port->holder, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    const socklen_t length = six ? sizeof *address : sizeof *four;
    if (bind(port->holder, (const struct sockaddr *)&storage, length) < 0 || (tcp && listen(port->holder, 1) < 0))
        return -errno;
    return 0;
}

static int open_port(const struct json_value *item, struct port *port, struct failure *failure) {
    const char *protocol = json_text(json_get(item, "protocol"), "tcp");
    const char *host = json_text(json_get(item, "hostIp"), "");
    const char *target = json_text(json_get(item, "address"), "");
    const uint64_t host_port = json_unsigned(json_get(item, "hostPort"), 0), number = json_unsigned(json_get(item, "port"), 0);
    static const uint8_t any[16] = {0};
    *port = (struct port){.holder = -1, .protocol = strcmp(protocol, "udp") == 0 ? IPPROTO_UDP : IPPROTO_TCP};
    if (address_parse(target, &port->target) < 0 || (*host != '\0' && address_parse(host, &port->host) < 0) ||
        host_port == 0 || host_port > 65535 || number == 0 || number > 65535)
        return fail(failure, "invalid", EINVAL, "no valid port to publish");
    port->host_port = (uint16_t)host_port;
    port->port = (uint16_t)number;
    const int error = hold(port);
    if (error < 0)
        return fail_errno(failure, -error, "failed to bind host port for %s:%u:%s:%u/%s", *host == '\0' ? "0.0.0.0" : host,
                          (unsigned)host_port, target, (unsigned)number, protocol);
    if (memcmp(port->host.bytes, any, sizeof any) == 0)
        port->host.family = port->host.family == AF_INET6 ? AF_INET6 : 0, port->host.prefix = 0;
    return 0;
}

static void free_ports(struct port *port) {
    for (struct port *next; port != NULL; port = next) {
        next = port->next;
        if (port->holder >= 0)
            close(port->holder);
        free(port);
    }
}

int ports_open(const struct json_value *list, struct port **ports, struct failure *failure) {
    *ports = NULL;
    if (json_first(list) == NULL)
        return 0;
    if (published_count == sizeof published / sizeof *published)
        return fail(failure, "failed", ENOSPC, "too many containers with published ports");
    int error = 0;
    struct port *made = NULL;
    for (const struct json_value *item = json_first(list); error == 0 && item != NULL; item = item->next) {
        struct port *port = malloc(sizeof *port);
        if (port == NULL) {
            error = fail(failure, "failed", ENOMEM, "out of memory");
            break;
        }
        error = open_port(item, port, failure);
        port->next = made;
        made = port;
    }
    if (error == 0) {
        published[published_count++] = made;
        error = apply();
        if (error < 0) {
            published_count--;
            fail_errno(failure, -error, "nf_tables");
        }
    }
    if (error < 0)
        free_ports(made);
    else
        *ports = made;
    return error;
}

void ports_close(struct port **ports) {
    if (*ports == NULL)
        return;
    for (size_t i = 0; i < published_count; i++)
        if (published[i] == *ports)
            published[i--] = published[--published_count];
    free_ports(*ports);
    *ports = NULL;
    apply();
}
