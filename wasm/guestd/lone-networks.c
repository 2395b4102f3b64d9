#define _GNU_SOURCE
#include "lone-networks.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"

/* Made ahead. */
#define READY 3

static int pool[READY];
static size_t pooled;

/* guestd's own, held open, so that it can always go back. */
static int own_network(void) {
    static int own = -1;
    if (own < 0)
        own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    return own < 0 ? -errno : own;
}

int lone_network_raise_loopback(void) {
    cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    return fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

int lone_networks_fill(void) {
    if (pooled >= READY)
        return 0;
    int own = own_network();
    if (own < 0)
        return own;
    if (unshare(CLONE_NEWNET) < 0)
        return -errno;
    int error = lone_network_raise_loopback();
    int made = error < 0 ? -1 : open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (made < 0 && error == 0)
        error = -errno;
    if (setns(own, CLONE_NEWNET) < 0)
        abort();
    if (error < 0)
        return error;
    pool[pooled++] = made;
    return 1;
}

int lone_network_take(void) { return pooled == 0 ? -1 : pool[--pooled]; }
