/* Unix sockets on which guest processes reach the host's services. The host hears of each connection by an event and
 * takes it by the channel `accept`; guestd carries the bytes. */
#ifndef RELAY_H
#define RELAY_H

struct address;
struct json_value;
struct stream;

/* The tests, which don't run in the guest, have them elsewhere. */
#ifndef RELAY_DOCKER_CLI
#define RELAY_DOCKER_CLI "/run/drydock/docker-cli.sock"
#define RELAY_DOCKER_SOCKET "/run/docker.sock"
#endif

/* Listen. Returns 0 or -errno. */
int relay_listen(void);
/* Returns 0, or -errno for a connection that there isn't. */
int relay_open(struct stream *stream, const struct json_value *open);
/* Carry the bytes of a connected socket, which is taken over. 0 or -errno. */
int relay_carry(struct stream *stream, int fd);
/* Who is at the other end is to see a reset, not an end. */
void relay_reset_at_close(int fd);
/* Break those off that lead to this address. */
void relay_cut(const struct address *address);
/* Tell the connections that wait once more: a control stream is new. */
void relay_tell_waiting(void);

#endif
