#define _GNU_SOURCE
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "failure.h"
#include "files.h"
#include "json-writer.h"
#include "json.h"
#include "log.h"
#include "net-bridges.h"
#include "net-egress.h"
#include "net-link.h"
#include "net-names.h"
#include "net-netlink.h"
#include "net-pool.h"

#define LINKS_MAX 64

/* A container's place in a network. */
struct endpoint {
    struct endpoint *next;
    char bridge[16], interface[16];
    int outside; /* index of the link's end at the bridge */
    struct address addresses[NETWORK_ADDRESSES];
};

struct member {
    struct member *next;
    char container[65];
    struct net_namespace namespace;
    struct endpoint *endpoints;
    struct port *ports;
    struct resolver *resolver;
};

static struct member *members;
static int own = -1;

int net_open(void) {
    static const char *const settings[][2] = {
        {"/proc/sys/net/ipv4/ip_forward", "1"},
        /* Neighbours on a bridge talk without the rules of routing; isolation among them is the bridge's own. */
        {"/proc/sys/net/bridge/bridge-nf-call-iptables", "0"},
        {"/proc/sys/net/bridge/bridge-nf-call-ip6tables", "0"},
        {"/proc/sys/net/bridge/bridge-nf-call-arptables", "0"},
        /* Where there is no way out, whoever tries hears of it each time, and at once. */
        {"/proc/sys/net/ipv4/route/error_cost", "0"},
        {"/proc/sys/net/ipv4/icmp_ratelimit", "0"},
        {"/proc/sys/net/ipv6/icmp/ratelimit", "0"},
        {"/proc/sys/net/ipv6/conf/default/disable_ipv6", "1"},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (file_write(AT_FDCWD, settings[i][0], settings[i][1]) < 0)
            log_line("net: no setting %s", settings[i][0]);
    own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    net_links = netlink_open(NETLINK_ROUTE);
    net_filters = netlink_open(NETLINK_NETFILTER);
    /* The driver makes one that nobody asked for. */
    const int dummy = net_links < 0 ? -1 : link_index(net_links, "dummy0");
    if (dummy > 0)
        link_delete(net_links, dummy);
    if (own < 0 || net_links < 0 || net_filters < 0)
        return -EIO;
    int error = egress_open(net_links);
    if (error == 0)
        error = networks_open();
    return error < 0 ? error : resolver_open_host();
}

/* Links of containers that have ended. They go with their namespace, as a rule; but a connection that was cut off keeps that
 * for a minute. */
static int ended[64];
static unsigned ended_count;

static void end_link(int index) {
    link_stop(net_links, index);
    if (ended_count == sizeof ended / sizeof *ended)
        link_delete(net_links, ended[--ended_count]);
    ended[ended_count++] = index;
}

int net_fill_pool(void) {
    if (ended_count == 0)
        return net_pool_fill();
    link_delete(net_links, ended[--ended_count]);
    return 1;
}

static struct member *find(const char *container) {
    struct member *member = members;
    while (member != NULL && strcmp(member->container, container) != 0)
        member = member->next;
    return member;
}

/* For what acts by the calling process' namespace. */
static void enter(int namespace) {
    if (setns(namespace, CLONE_NEWNET) < 0)
        abort();
}

static int set_addresses(const struct member *member, int inside, struct endpoint *endpoint, const struct json_value *list) {
    const char *interface = endpoint->interface;
    int error = 0;
    size_t count = 0;
    for (const struct json_value *item = json_first(list); error == 0 && item != NULL; item = item->next) {
        struct address address;
        error = address_parse(json_text(item, ""), &address);
        if (error == 0 && address.family == AF_INET6) {
            char path[96];
            snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/disable_ipv6", interface);
            enter(member->namespace.fd);
            file_write(AT_FDCWD, path, "0");
            enter(own);
        }
        if (error == 0)
            error = address_add(member->namespace.links, inside, &address);
        if (error == 0 && count < NETWORK_ADDRESSES)
            endpoint->addresses[count++] = address;
    }
    return error;
}

/* Connections by way of guestd end with it: nobody is left to tell that they do. */
static void forget_addresses(const struct endpoint *endpoint) {
    for (size_t i = 0; i < NETWORK_ADDRESSES; i++)
        if (endpoint->addresses[i].family != 0)
            egress_forget(&endpoint->addresses[i]);
}

/* The pool's link is taken by the first. */
static int join(struct member *member, const struct json_value *description, struct failure *failure) {
    const char *bridge = json_text(json_get(description, "bridge"), "");
    const char *interface = json_text(json_get(description, "interface"), "");
    uint8_t mac[MAC_SIZE];
    const struct network *network = network_find(bridge);
    if (network == NULL)
        return fail(failure, "invalid", ENOENT, "no network %s", bridge);
    if (mac_parse(json_text(json_get(description, "mac"), ""), mac) < 0 || *interface == '\0' || strlen(interface) > 15 ||
        strchr(interface, '/') != NULL)
        return fail(failure, "invalid", EINVAL, "no valid endpoint of %s", bridge);
    struct endpoint *endpoint = calloc(1, sizeof *endpoint);
    if (endpoint == NULL)
        return fail(failure, "failed", ENOMEM, "out of memory");
    snprintf(endpoint->bridge, sizeof endpoint->bridge, "%s", bridge);
    snprintf(endpoint->interface, sizeof endpoint->interface, "%s", interface);
    struct net_namespace *namespace = &member->namespace;
    int inside = namespace->inside, error = 0;
    const char *rename = NULL;
    if (namespace->outside > 0) {
        endpoint->outside = namespace->outside;
        rename = strcmp(interface, "eth0") == 0 ? NULL : interface;
        namespace->outside = 0;
    } else {
        error = net_namespace_link(namespace, interface, &endpoint->outside, &inside);
    }
    /* Into the bridge first: coming up, it tells its address. */
    if (error == 0)
        error = link_join(net_links, endpoint->outside, network->index, network->isolated, network->mtu);
    if (error == 0 && rename == NULL)
        error = set_addresses(member, inside, endpoint, json_get(description, "addresses"));
    if (error == 0)
        error = link_set_up(namespace->links, inside, rename, mac, network->mtu);
    if (error == 0 && rename != NULL)
        error = set_addresses(member, inside, endpoint, json_get(description, "addresses"));
    struct endpoint **last = &member->endpoints;
    while (*last != NULL)
        last = &(*last)->next;
    *last = endpoint;
    return error < 0 ? fail_errno(failure, -error, "cannot join the network %s", bridge) : 0;
}

/* The default routes, one of each family at most. */
static int set_gateways(const struct member *member, const struct json_value *list, bool clear, struct failure *failure) {
    bool set[2] = {false, false};
    int error = 0;
    for (const struct json_value *item = json_first(list); error == 0 && item != NULL; item = item->next) {
        struct address gateway;
        error = address_parse(json_text(item, ""), &gateway);
        if (error == 0)
            error = route_set_default(member->namespace.links, gateway.family, &gateway);
        if (error == 0)
            set[gateway.family == AF_INET6] = true;
    }
    for (int six = 0; clear && error == 0 && six < 2; six++)
        if (!set[six])
            error = route_set_default(member->namespace.links, six ? AF_INET6 : AF_INET, NULL);
    return error < 0 ? fail_errno(failure, -error, "cannot set the default route") : 0;
}

static int open_resolver(struct member *member, struct failure *failure) {
    enter(member->namespace.fd);
    const int error = resolver_open(member->container, &member->resolver);
    enter(own);
    return error < 0 ? fail_errno(failure, -error, "cannot open the resolver") : 0;
}

static void release(struct member *member) {
    for (struct endpoint *endpoint = member->endpoints, *next; endpoint != NULL; endpoint = next) {
        next = endpoint->next;
        end_link(endpoint->outside);
        forget_addresses(endpoint);
        free(endpoint);
    }
    resolver_close(member->resolver);
    ports_close(&member->ports);
    net_namespace_close(&member->namespace);
    free(member);
}

int net_start(const char *container, const struct json_value *network, int *namespace, struct failure *failure) {
    net_stop(container);
    struct member *member = calloc(1, sizeof *member);
    if (member == NULL)
        return fail(failure, "failed", ENOMEM, "out of memory");
    snprintf(member->container, sizeof member->container, "%s", container);
    int error = net_pool_take(&member->namespace);
    if (error < 0) {
        free(member);
        return fail_errno(failure, -error, "cannot make a network namespace");
    }
    for (const struct json_value *item = json_first(json_get(network, "endpoints")); error == 0 && item != NULL;
         item = item->next)
        error = join(member, item, failure);
    if (error == 0)
        error = set_gateways(member, json_get(network, "gateways"), false, failure);
    if (error == 0 && json_is_true(json_get(network, "resolver")))
        error = open_resolver(member, failure);
    if (error == 0)
        error = ports_open(json_get(network, "ports"), &member->ports, failure);
    if (error == 0) {
        *namespace = fcntl(member->namespace.fd, F_DUPFD_CLOEXEC, 3);
        if (*namespace < 0)
            error = fail_errno(failure, errno, "network namespace");
    }
    if (error < 0) {
        release(member);
        return error;
    }
    member->next = members;
    members = member;
    return 0;
}

void net_stop(const char *container) {
    for (struct member **link = &members; *link != NULL; link = &(*link)->next)
        if (strcmp((*link)->container, container) == 0) {
            struct member *member = *link;
            *link = member->next;
            release(member);
            return;
        }
}

int net_create(const struct json_value *request, struct failure *failure) {
    return network_create(json_get(request, "network"), failure);
}

int net_remove(const struct json_value *request, struct failure *failure) {
    const char *bridge = json_text(json_get(request, "bridge"), "");
    for (const struct member *member = members; member != NULL; member = member->next)
        for (const struct endpoint *endpoint = member->endpoints; endpoint != NULL; endpoint = endpoint->next)
            if (strcmp(endpoint->bridge, bridge) == 0)
                return fail(failure, "failed", EBUSY, "container %s is in the network %s", member->container, bridge);
    return network_remove(bridge, failure);
}

static struct member *find_member(const struct json_value *request, struct failure *failure) {
    const char *container = json_text(json_get(request, "container"), "");
    struct member *member = find(container);
    if (member == NULL)
        fail(failure, "not-running", ESRCH, "container %s has no network of its own", container);
    return member;
}

/* Take the ports anew: they may be reached by another of its addresses. */
static int reopen_ports(struct member *member, const struct json_value *request, struct failure *failure) {
    const struct json_value *ports = json_get(request, "ports");
    if (ports == NULL)
        return 0;
    ports_close(&member->ports);
    return ports_open(ports, &member->ports, failure);
}

/* As runtime.c writes them at the start. */
static int write_files(const char *container, const struct json_value *files, struct failure *failure) {
    char path[256];
    for (const struct json_value *file = json_first(files); file != NULL; file = file->next) {
        if (file->type != JSON_STRING || file->name[0] == '.' || strchr(file->name, '/') != NULL)
            return fail(failure, "invalid", EINVAL, "invalid file name \"%s\"", file->name);
        snprintf(path, sizeof path, CONTAINERS "/%s/%.64s", container, file->name);
        const int error = file_create(AT_FDCWD, path, file->string.text, file->string.length);
        if (error < 0)
            return fail_errno(failure, -error, "cannot write the file %s", file->name);
    }
    return 0;
}

static void leave(struct member *member, const char *interface) {
    for (struct endpoint **link = &member->endpoints; *link != NULL; link = &(*link)->next)
        if (strcmp((*link)->interface, interface) == 0) {
            struct endpoint *endpoint = *link;
            *link = endpoint->next;
            link_delete(net_links, endpoint->outside);
            forget_addresses(endpoint);
            free(endpoint);
            return;
        }
}

int net_connect(const struct json_value *request, struct failure *failure) {
    struct member *member = find_member(request, failure);
    if (member == NULL)
        return -ESRCH;
    const struct json_value *endpoint = json_get(request, "endpoint");
    int error = join(member, endpoint, failure);
    if (error == 0)
        error = set_gateways(member, json_get(request, "gateways"), true, failure);
    if (error == 0 && json_is_true(json_get(request, "resolver")) && member->resolver == NULL)
        error = open_resolver(member, failure);
    if (error == 0)
        error = reopen_ports(member, request, failure);
    if (error == 0)
        error = write_files(member->container, json_get(request, "files"), failure);
    if (error < 0)
        leave(member, json_text(json_get(endpoint, "interface"), ""));
    return error;
}

int net_disconnect(const struct json_value *request, struct failure *failure) {
    struct member *member = find_member(request, failure);
    if (member == NULL)
        return -ESRCH;
    leave(member, json_text(json_get(request, "interface"), ""));
    int error = set_gateways(member, json_get(request, "gateways"), true, failure);
    if (error == 0)
        error = reopen_ports(member, request, failure);
    return error < 0 ? error : write_files(member->container, json_get(request, "files"), failure);
}

void net_put_list(struct json_writer *result) {
    json_open_object(result);
    json_name(result, "networks");
    json_open_array(result);
    for (const struct network *network = network_first(); network != NULL; network = network->next)
        json_put_text(result, network->bridge);
    json_close_array(result);
    json_name(result, "containers");
    json_open_array(result);
    for (const struct member *member = members; member != NULL; member = member->next)
        json_put_text(result, member->container);
    json_close_array(result);
    json_name(result, "outgoing");
    json_put_unsigned(result, egress_count());
    json_name(result, "pooled");
    json_put_unsigned(result, net_pool_count());
    json_close_object(result);
}

static void put_count(struct json_writer *result, const char *name, uint64_t number) {
    json_name(result, name);
    json_put_unsigned(result, number);
}

void net_put_statistics(const char *container, struct json_writer *result) {
    static struct link_statistics links[LINKS_MAX];
    const struct member *member = find(container);
    const int count = member == NULL ? 0 : link_read_statistics(member->namespace.links, links, LINKS_MAX);
    json_open_object(result);
    for (int i = 0; i < count; i++) {
        json_name(result, links[i].name);
        json_open_object(result);
        put_count(result, "rxBytes", links[i].rx_bytes);
        put_count(result, "rxPackets", links[i].rx_packets);
        put_count(result, "rxErrors", links[i].rx_errors);
        put_count(result, "rxDropped", links[i].rx_dropped);
        put_count(result, "txBytes", links[i].tx_bytes);
        put_count(result, "txPackets", links[i].tx_packets);
        put_count(result, "txErrors", links[i].tx_errors);
        put_count(result, "txDropped", links[i].tx_dropped);
        json_close_object(result);
    }
    json_close_object(result);
}
