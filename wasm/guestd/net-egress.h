/* The way out: the first packet of each TCP connection to the outside is held until the host has connected, or says why not.
 * Then the connection is redirected to guestd, which carries its bytes to the host by a stream of its own. */
#ifndef NET_EGRESS_H
#define NET_EGRESS_H

#include <stdint.h>

struct address;
struct json_value;
struct stream;

/* One-time: the link, the routes, the queue, the listeners. 0 or -errno. */
int egress_open(int links);
/* An address of a container's is gone: so are its connections. */
void egress_forget(const struct address *address);
/* The channels `egress` and `egress-accept`. 0 or -errno. */
int egress_channel_open(struct stream *stream);
int egress_accept_open(struct stream *stream, const struct json_value *open);
/* Connections that are held or wait for their first byte, for tests. */
unsigned egress_count(void);

#endif
