/* The resolver at 127.0.0.11 in a container's network namespace: questions go to the host by the channel `names`, and its
 * answers come back. */
#ifndef NET_NAMES_H
#define NET_NAMES_H

struct json_value;
struct resolver;
struct stream;

/* In the container's network namespace. 0 or -errno. */
int resolver_open(const char *container, struct resolver **resolver);
/* For the guest's own network, and those containers that have no resolver of their own: 169.254.53.53, by UDP. */
int resolver_open_host(void);
/* NULL is fine. */
void resolver_close(struct resolver *resolver);
/* The channel `names`; a new one takes the place of the last. 0 or -errno. */
int names_open(struct stream *stream);

#endif
