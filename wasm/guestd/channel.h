/* Where the host's streams come in: the listener, and the first frame that says what a stream is for. */
#ifndef CHANNEL_H
#define CHANNEL_H

struct stream;

/* Listen on the guest port of AF_VSOCK. Returns 0 or -errno. */
int channel_listen(void);
/* A stream that was accepted; takes the descriptor over. The tests come in here. */
void channel_accept(int fd);

#endif
