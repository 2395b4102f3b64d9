/* Network namespaces that hold a loopback alone, for containers in no network. To make one takes a quarter of a container's
 * start, so some are kept ready. */
#ifndef LONE_NETWORKS_H
#define LONE_NETWORKS_H

/* Bring up the loopback of the network that the caller is in. */
int lone_network_raise_loopback(void);
/* Make one, if there are not enough. Returns whether it did, or -errno. */
int lone_networks_fill(void);
/* A descriptor of one, or -1 when none is ready. */
int lone_network_take(void);

#endif
