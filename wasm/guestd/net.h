/* Containers' networks: bridges, links into network namespaces, addresses, published ports and the rules for them.
 * src/core/guest-protocol.ts tells the shape of what comes as JSON. */
#ifndef NET_H
#define NET_H

struct failure;
struct json_value;
struct json_writer;

/* One-time: sockets and kernel settings. 0 or -errno. */
int net_open(void);
/* Clear away what a container has left, or make one network namespace with a link ready for the next. 1 when there was
 * something to do, 0, or -errno. */
int net_fill_pool(void);

/* ContainerStart's `network`: *namespace becomes the descriptor of the container's network namespace, the caller's. */
int net_start(const char *container, const struct json_value *network, int *namespace, struct failure *failure);
/* The container has ended: its links, ports and rules go. One that has none is fine. */
void net_stop(const char *container);

/* The operations of the control channel. */
int net_create(const struct json_value *request, struct failure *failure);
int net_remove(const struct json_value *request, struct failure *failure);
int net_connect(const struct json_value *request, struct failure *failure);
int net_disconnect(const struct json_value *request, struct failure *failure);
/* What there is, for tests and diagnosis: `{networks, containers, pooled}`. */
void net_put_list(struct json_writer *result);
/* An object of the counters of each link of the container; empty without a network of its own. */
void net_put_statistics(const char *container, struct json_writer *result);

#endif
