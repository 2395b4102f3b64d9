#define _GNU_SOURCE
#include "lone-networks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "files.h"

/* Made ahead, and kept of those that come back: more, as new ones are made while a container has one. */
#define READY 3
#define POOL 5
#define LENT 32

struct network {
    int fd;
    unsigned long sockets; /* the kernel's own */
};

static struct network pool[POOL];
static size_t pooled;

/* With containers; a free slot has no name. */
static struct lent {
    char container[65];
    struct network network;
} lent[LENT];

/* guestd's own, held open, so that it can always go back. */
static int own_network(void) {
    static int own = -1;
    if (own < 0)
        own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    return own < 0 ? -errno : own;
}

static void go_back(void) {
    if (setns(own_network(), CLONE_NEWNET) < 0)
        abort();
}

int lone_network_raise_loopback(void) {
    cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    return fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

/* Of the network that the caller is in, in all families. */
static unsigned long count_sockets(void) {
    static const char title[] = "sockets: used ";
    char text[512];
    ssize_t length = file_read(AT_FDCWD, "/proc/self/net/sockstat", text, sizeof text);
    return length < 0 || strncmp(text, title, strlen(title)) != 0 ? ULONG_MAX : strtoul(text + strlen(title), NULL, 10);
}

int lone_networks_fill(void) {
    if (pooled >= READY)
        return 0;
    int error = own_network();
    if (error < 0)
        return error;
    if (unshare(CLONE_NEWNET) < 0)
        return -errno;
    error = lone_network_raise_loopback();
    struct network made = {.fd = error < 0 ? error : open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)};
    if (made.fd < 0 && error == 0)
        error = -errno;
    made.sockets = count_sockets();
    go_back();
    if (error < 0)
        return error;
    pool[pooled++] = made;
    return 1;
}

static struct lent *find(const char *container) {
    for (size_t i = 0; i < LENT; i++)
        if (strcmp(lent[i].container, container) == 0)
            return &lent[i];
    return NULL;
}

static struct network release(struct lent *entry) {
    entry->container[0] = '\0';
    return entry->network;
}

int lone_network_take(const char *container, bool returns) {
    lone_network_return(container);
    if (pooled == 0)
        return -1;
    struct network network = pool[--pooled];
    struct lent *entry = returns ? find("") : NULL;
    int copy = entry == NULL ? -1 : fcntl(network.fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        return network.fd;
    snprintf(entry->container, sizeof entry->container, "%s", container);
    entry->network = network;
    return copy;
}

/* No socket is left in it, and nothing was ever sent: so there is no state of a protocol either. It has one link. */
static bool looks_new(const struct network *network) {
    char text[1024];
    if (count_sockets() != network->sockets)
        return false;
    ssize_t length = file_read(AT_FDCWD, "/proc/self/net/dev", text, sizeof text);
    if (length < 0 || length >= (ssize_t)sizeof text - 1)
        return false;
    const char *link = strstr(text, " lo:");
    if (link == NULL || strchr(text, ':') != link + 3)
        return false;
    link += strlen(" lo:");
    size_t counters = strspn(link, " 0");
    return strcmp(link + counters, "\n") == 0;
}

void lone_network_return(const char *container) {
    struct lent *entry = *container == '\0' ? NULL : find(container);
    if (entry == NULL)
        return;
    struct network network = release(entry);
    bool is_new = false;
    if (pooled < POOL && own_network() >= 0 && setns(network.fd, CLONE_NEWNET) == 0) {
        is_new = looks_new(&network);
        go_back();
    }
    if (is_new)
        pool[pooled++] = network;
    else
        close(network.fd);
}

void lone_network_spoil(const char *container) {
    struct lent *entry = *container == '\0' ? NULL : find(container);
    if (entry != NULL)
        close(release(entry).fd);
}

void lone_network_spoil_path(const char *path) {
    struct stat wanted, network;
    if (stat(path, &wanted) < 0)
        return;
    for (size_t i = 0; i < LENT; i++)
        if (lent[i].container[0] != '\0' && fstat(lent[i].network.fd, &network) == 0 && network.st_ino == wanted.st_ino &&
            network.st_dev == wanted.st_dev)
            close(release(&lent[i]).fd);
}
