/* One stream of the host: frames in, frames out, both bounded. Whoever doesn't take what comes stops the peer; whoever
 * sends asks stream_has_room first where the amount is not small. */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

struct stream;

/* Beyond every errno. */
#define FRAME_LATER (-10000)

struct stream_handler {
    /* Takes a frame or a piece: returns how many bytes of the payload it took. Taking fewer than there are stops the
     * reading until stream_resume. -errno cuts the peer off; FRAME_LATER takes nothing, not even an empty frame. */
    int (*frame)(void *owner, const struct frame *frame);
    /* The write queue ran empty. May be NULL. */
    void (*drained)(void *owner);
    /* The peer sends no more. True keeps the stream for what is still to be sent. NULL: as if false. */
    bool (*ended)(void *owner);
    /* The stream is gone and must not be used any more. */
    void (*closed)(void *owner);
};

/* Takes the descriptor over (non-blocking), also on failure. */
struct stream *stream_open(int fd, const struct stream_handler *handler, void *owner);
void stream_hand_over(struct stream *stream, const struct stream_handler *handler, void *owner);
/* Send a frame. A failure is told by `closed` later: callers may ignore it. */
int stream_send(struct stream *stream, uint8_t kind, const void *payload, size_t length);
/* Is there room for a large frame: less than 64 KiB are queued. */
bool stream_has_room(const struct stream *stream);
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);
/* Send what is queued, then close. The owner hears no more of it. */
void stream_finish(struct stream *stream);
/* Close at once. The owner hears no more of it. */
void stream_close(struct stream *stream);
/* How many are open. */
unsigned stream_count(void);

#endif
