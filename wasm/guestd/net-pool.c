#define _GNU_SOURCE
#include "net-pool.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "files.h"
#include "net-bridges.h"
#include "net-link.h"
#include "net-netlink.h"

#define POOL 3
#define MTU 1500
#define LOOPBACK 1 /* always the first link of a namespace */

static struct net_namespace pool[POOL];
static unsigned pooled;

unsigned net_pool_count(void) { return pooled; }

int net_namespace_link(const struct net_namespace *namespace, const char *peer, int *outside, int *inside) {
    uint32_t number;
    char name[16];
    if (getrandom(&number, sizeof number, 0) < 0)
        return -errno;
    snprintf(name, sizeof name, "veth%07x", number & 0xfffffffu);
    const int error = link_add_pair(net_links, name, peer, namespace->fd, MTU);
    if (error < 0)
        return error;
    *outside = link_index(net_links, name);
    *inside = link_index(namespace->links, peer);
    if (*outside > 0 && *inside > 0)
        return 0;
    link_delete(net_links, *outside);
    return -ENODEV;
}

/* In the new namespace. */
static int furnish(struct net_namespace *namespace) {
    namespace->fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (namespace->fd < 0)
        return -errno;
    namespace->links = netlink_open(NETLINK_ROUTE);
    if (namespace->links < 0)
        return namespace->links;
    /* Links have IPv6 when their network has; the loopback always. And who comes up tells it: an address may have
     * been another's just before. */
    file_write(AT_FDCWD, "/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    file_write(AT_FDCWD, "/proc/sys/net/ipv4/conf/default/arp_notify", "1");
    return link_up(namespace->links, LOOPBACK);
}

static int make(struct net_namespace *namespace) {
    static int own = -1;
    *namespace = (struct net_namespace){.fd = -1, .links = -1};
    if (own < 0 && (own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) < 0)
        return -errno;
    if (unshare(CLONE_NEWNET) < 0)
        return -errno;
    int error = furnish(namespace);
    /* guestd's own is held open: this cannot fail. */
    if (setns(own, CLONE_NEWNET) < 0)
        abort();
    if (error == 0)
        error = net_namespace_link(namespace, "eth0", &namespace->outside, &namespace->inside);
    if (error < 0)
        net_namespace_close(namespace);
    return error;
}

void net_namespace_close(struct net_namespace *namespace) {
    if (namespace->links >= 0)
        close(namespace->links);
    if (namespace->fd >= 0)
        close(namespace->fd);
    namespace->links = namespace->fd = -1;
}

int net_pool_fill(void) {
    if (pooled == POOL)
        return 0;
    const int error = make(&pool[pooled]);
    if (error < 0)
        return error;
    pooled++;
    return 1;
}

int net_pool_take(struct net_namespace *namespace) {
    if (pooled == 0)
        return make(namespace);
    *namespace = pool[--pooled];
    return 0;
}
