/* Network namespaces that hold a loopback alone, for containers in no network. To make one takes a quarter of a container's
 * start and end, so some are kept ready, and one that comes back as new as it was is used again. */
#ifndef LONE_NETWORKS_H
#define LONE_NETWORKS_H

#include <stdbool.h>
#include <sys/types.h>

/* Bring up the loopback of the network that the caller is in. */
int lone_network_raise_loopback(void);
/* Make one, if there are not enough. Returns whether it did, or -errno. */
int lone_networks_fill(void);
/* A descriptor of one, or -1 when none is ready. When `returns`, the container can't change it by its own rights, and says by
 * lone_network_return when all of its processes are gone. */
int lone_network_take(const char *container, bool returns);
/* Of any container: one that has none is none of ours. */
void lone_network_return(const char *container);
/* Somebody may have changed it: it is not used again. */
void lone_network_spoil(const char *container);
/* The same for that which a path such as /proc/1/ns/net leads to. */
void lone_network_spoil_path(const char *path);

#endif
