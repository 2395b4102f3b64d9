#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"

#define READ_MIN 4096u
#define READ_MAX (64u << 10)
#define ROOM_BELOW (64u << 10)
/* Beyond this the peer asks and doesn't read the answers. */
#define QUEUE_MAX (4u << 20)

struct stream {
    struct watch watch;
    struct timer timer; /* tells of a broken stream, later */
    const struct stream_handler *handler;
    void *owner;
    struct frame_reader reader;
    uint8_t *in;
    size_t in_start, in_end, in_room;
    uint8_t *out;
    size_t out_start, out_end, out_room;
    unsigned busy; /* callbacks under way: the memory must stay */
    bool paused;
    bool in_over; /* the peer sends no more */
    bool finishing, broken, dead;
};

static unsigned count;

unsigned stream_count(void) {
    return count;
}

static void dispose(struct stream *stream) {
    if (!stream->dead || stream->busy > 0)
        return;
    free(stream->in);
    free(stream->out);
    free(stream);
}

void stream_close(struct stream *stream) {
    if (stream->dead)
        return;
    stream->dead = true;
    loop_watch(&stream->watch, 0);
    loop_disarm(&stream->timer);
    close(stream->watch.fd);
    count--;
    dispose(stream);
}

static void gone(struct stream *stream) {
    const struct stream_handler *handler = stream->finishing ? NULL : stream->handler;
    void *owner = stream->owner;
    stream_close(stream);
    if (handler != NULL)
        handler->closed(owner);
}

/* Tell it from the loop: the owner is in the middle of something now. */
static void break_later(struct stream *stream) {
    if (stream->broken || stream->dead)
        return;
    stream->broken = true;
    loop_watch(&stream->watch, 0);
    loop_arm(&stream->timer, 0);
}

static void on_timer(struct timer *timer) {
    gone(container_of(timer, struct stream, timer));
}

static void update(struct stream *stream) {
    if (stream->dead || stream->broken)
        return;
    uint32_t events = stream->out_end > stream->out_start ? EPOLLOUT : 0;
    if (!stream->in_over && (!stream->paused || stream->finishing))
        events |= EPOLLIN;
    else if (events == 0)
        events = EPOLLRDHUP | EPOLLET; /* nothing to do but to learn that the peer went: see probe() */
    if (loop_watch(&stream->watch, events) < 0)
        break_later(stream);
}

static int enqueue(struct stream *stream, const uint8_t *bytes, size_t length) {
    const size_t queued = stream->out_end - stream->out_start;
    if (queued + length > QUEUE_MAX)
        return -ENOBUFS;
    if (stream->out_room - stream->out_end < length) {
        if (stream->out_start > 0)
            memmove(stream->out, stream->out + stream->out_start, queued);
        stream->out_start = 0;
        stream->out_end = queued;
    }
    if (stream->out_room - stream->out_end < length) {
        const size_t room = queued + length > 2 * stream->out_room ? queued + length : 2 * stream->out_room;
        uint8_t *out = realloc(stream->out, room);
        if (out == NULL)
            return -ENOMEM;
        stream->out = out;
        stream->out_room = room;
    }
    memcpy(stream->out + stream->out_end, bytes, length);
    stream->out_end += length;
    return 0;
}

int stream_send(struct stream *stream, uint8_t kind, const void *payload, size_t length) {
    if (stream->dead || stream->broken)
        return -EPIPE;
    uint8_t header[FRAME_HEADER_SIZE];
    frame_header(header, kind, length);
    size_t written = 0;
    if (stream->out_end == stream->out_start) {
        struct iovec parts[2] = {{header, sizeof header}, {(void *)(uintptr_t)payload, length}};
        const struct msghdr message = {.msg_iov = parts, .msg_iovlen = length > 0 ? 2 : 1};
        const ssize_t sent = sendmsg(stream->watch.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            const int error = -errno;
            break_later(stream);
            return error;
        }
        written = sent < 0 ? 0 : (size_t)sent;
    }
    int error = 0;
    if (written < sizeof header)
        error = enqueue(stream, header + written, sizeof header - written);
    const size_t begun = written < sizeof header ? 0 : written - sizeof header;
    if (error == 0 && begun < length)
        error = enqueue(stream, (const uint8_t *)payload + begun, length - begun);
    if (error < 0)
        break_later(stream);
    else
        update(stream);
    return error;
}

bool stream_has_room(const struct stream *stream) {
    return stream->out_end - stream->out_start < ROOM_BELOW;
}

static void flush(struct stream *stream) {
    const size_t queued = stream->out_end - stream->out_start;
    const ssize_t sent =
        send(stream->watch.fd, stream->out + stream->out_start, queued, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
        if (errno == EAGAIN || errno == EINTR)
            return;
        gone(stream);
        return;
    }
    stream->out_start += (size_t)sent;
    if (stream->out_start < stream->out_end)
        return;
    stream->out_start = stream->out_end = 0;
    if (stream->out_room > ROOM_BELOW) {
        free(stream->out);
        stream->out = NULL;
        stream->out_room = 0;
    }
    if (stream->finishing)
        gone(stream);
    else if (stream->handler->drained != NULL)
        stream->handler->drained(stream->owner);
}

/* Hand on the frames that are there. */
static void deliver(struct stream *stream) {
    while (!stream->dead && !stream->broken && !stream->paused && !stream->finishing && stream->in_end > stream->in_start) {
        const uint8_t *bytes = stream->in + stream->in_start;
        struct frame frame;
        size_t needed = 0;
        const int found =
            frame_peek(&stream->reader, bytes, stream->in_end - stream->in_start, &frame, &needed);
        if (found == 0)
            return;
        int taken = found;
        const uint32_t total = found > 0 && frame.first ? frame_length(bytes) : 0;
        if (found > 0)
            taken = stream->handler->frame(stream->owner, &frame);
        if (stream->dead)
            return;
        if (taken == FRAME_LATER) {
            stream->paused = true;
            return;
        }
        if (taken < 0) {
            log_line("cut a stream off: frame of kind 0x%02x: %s", found > 0 ? frame.kind : 0, strerror(-taken));
            gone(stream);
            return;
        }
        const size_t length = frame.length;
        stream->in_start += frame_advance(&stream->reader, &frame, (size_t)taken, total);
        if ((size_t)taken < length)
            stream->paused = true;
    }
}

/* Make room for what the reader needs, and for large reads where the peer fills the small ones. */
static int make_room(struct stream *stream) {
    struct frame frame;
    size_t needed = READ_MIN;
    const size_t held = stream->in_end - stream->in_start;
    if (held > 0)
        frame_peek(&stream->reader, stream->in + stream->in_start, held, &frame, &needed);
    if (stream->in_start > 0) {
        memmove(stream->in, stream->in + stream->in_start, held);
        stream->in_start = 0;
        stream->in_end = held;
    }
    size_t room = stream->in_room < READ_MIN ? READ_MIN : stream->in_room;
    if (needed < held + READ_MIN)
        needed = held + 1;
    if (needed > room)
        room = needed;
    if (room == stream->in_room)
        return 0;
    uint8_t *in = realloc(stream->in, room);
    if (in == NULL)
        return -ENOMEM;
    stream->in = in;
    stream->in_room = room;
    return 0;
}

/* Give a large frame's memory back; grow where reads come full. */
static void adapt_room(struct stream *stream, size_t just_read) {
    const bool full = stream->in_end == stream->in_room && just_read >= READ_MIN;
    size_t room = stream->in_room;
    if (full && room < READ_MAX)
        room = READ_MAX;
    else if (room > READ_MAX && stream->in_end == stream->in_start)
        room = READ_MAX;
    if (room == stream->in_room)
        return;
    uint8_t *in = realloc(stream->in, room);
    if (in != NULL) {
        stream->in = in;
        stream->in_room = room;
    }
}

static void receive(struct stream *stream) {
    if (stream->finishing) {
        /* Nobody wants it, but it must not keep the end from being seen. */
        uint8_t rest[1024];
        const ssize_t length = recv(stream->watch.fd, rest, sizeof rest, MSG_DONTWAIT);
        if (length < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (length < 0)
            gone(stream);
        else if (length == 0)
            stream->in_over = true;
        return;
    }
    if (make_room(stream) < 0) {
        gone(stream);
        return;
    }
    const ssize_t length =
        recv(stream->watch.fd, stream->in + stream->in_end, stream->in_room - stream->in_end, MSG_DONTWAIT);
    if (length < 0) {
        if (errno != EAGAIN && errno != EINTR)
            gone(stream);
        return;
    }
    if (length == 0) {
        stream->in_over = true;
        const bool whole = stream->in_end == stream->in_start && stream->reader.left == 0;
        const bool kept = whole && stream->handler->ended != NULL && stream->handler->ended(stream->owner);
        if (!kept && !stream->dead)
            gone(stream);
        return;
    }
    stream->in_end += (size_t)length;
    deliver(stream);
    if (!stream->dead)
        adapt_room(stream, (size_t)length);
}

/* The peer closed while we read nothing. Half of it: then what it sent still counts. All of it: gone.
 * Poll tells both in the same way; sending doesn't. */
static void probe(struct stream *stream, uint32_t events) {
    const bool closed = (events & (EPOLLHUP | EPOLLERR)) != 0 ||
                        (send(stream->watch.fd, "", 0, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN &&
                         errno != EINTR);
    if (closed)
        gone(stream);
}

static void on_ready(struct watch *watch, uint32_t events) {
    struct stream *stream = container_of(watch, struct stream, watch);
    stream->busy++;
    if ((events & EPOLLOUT) != 0 && stream->out_end > stream->out_start)
        flush(stream);
    if (!stream->dead && !stream->broken && (events & ~(uint32_t)EPOLLOUT) != 0) {
        if (!stream->in_over && (!stream->paused || stream->finishing))
            receive(stream);
        else
            probe(stream, events);
    }
    deliver(stream); /* a callback may have resumed it */
    stream->busy--;
    update(stream);
    dispose(stream);
}

struct stream *stream_open(int fd, const struct stream_handler *handler, void *owner) {
    struct stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        close(fd);
        return NULL;
    }
    stream->watch = (struct watch){.fd = fd, .ready = on_ready};
    stream->timer.ring = on_timer;
    stream->handler = handler;
    stream->owner = owner;
    if (loop_watch(&stream->watch, EPOLLIN) < 0) {
        close(fd);
        free(stream);
        return NULL;
    }
    count++;
    return stream;
}

void stream_hand_over(struct stream *stream, const struct stream_handler *handler, void *owner) {
    stream->handler = handler;
    stream->owner = owner;
}

void stream_pause(struct stream *stream) {
    stream->paused = true;
    if (stream->busy == 0)
        update(stream);
}

void stream_resume(struct stream *stream) {
    if (!stream->paused || stream->dead || stream->broken)
        return;
    stream->paused = false;
    if (stream->busy > 0)
        return; /* on_ready() is above us and goes on */
    stream->busy++;
    deliver(stream);
    stream->busy--;
    update(stream);
    dispose(stream);
}

void stream_finish(struct stream *stream) {
    if (stream->dead || stream->finishing)
        return;
    if (stream->broken || stream->out_end == stream->out_start) {
        stream_close(stream);
        return;
    }
    stream->finishing = true;
    if (stream->busy == 0)
        update(stream);
}
