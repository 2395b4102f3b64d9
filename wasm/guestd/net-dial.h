/* Connections from the host to an address in the guest's own network namespace: published ports. */
#ifndef NET_DIAL_H
#define NET_DIAL_H

struct json_value;
struct stream;

/* The channel `dial`. 0, or -errno for a frame of another shape. */
int dial_open(struct stream *stream, const struct json_value *open);

#endif
