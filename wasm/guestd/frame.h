/* Frames of src/core/guest-protocol.ts: u32 payload length (little endian), u8 kind, 3 bytes zero, payload.
 * The frames of src/core/stub-protocol.ts have the same shape and share the reader. */
#ifndef FRAME_H
#define FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROTOCOL_VERSION 1
#define GUEST_PORT 1024
#define FRAME_HEADER_SIZE 8
#define FRAME_MAX (1u << 20)
#define PING_MAX 64

enum frame_kind {
    FRAME_OPEN = 0x01,
    FRAME_HELLO = 0x02,
    FRAME_REQUEST = 0x03,
    FRAME_RESPONSE = 0x04,
    FRAME_EVENT = 0x05,
    FRAME_CANCEL = 0x06,
    FRAME_PING = 0x07,
    FRAME_PONG = 0x08,
    FRAME_STARTED = 0x10,
    FRAME_FAILED = 0x11,
    FRAME_STDOUT = 0x12,
    FRAME_STDERR = 0x13,
    FRAME_OUTPUT_END = 0x14,
    FRAME_STDIN = 0x15,
    FRAME_STDIN_END = 0x16,
    FRAME_EXITED = 0x18,
    FRAME_DATA = 0x20,
    FRAME_END = 0x21,
    FRAME_DATAGRAM = 0x22,
    FRAME_QUESTION = 0x23,
    FRAME_ANSWER = 0x24,
    FRAME_CONNECT = 0x25,
    FRAME_REFUSE = 0x26,
    FRAME_WITHDRAWN = 0x27,
};

/* A whole frame, or of a frame of kind `stdin` or `data` a piece: those are handed on as they come. */
struct frame {
    uint8_t kind;
    bool first; /* the frame's header is consumed with this piece */
    const uint8_t *payload;
    size_t length;
};

struct frame_reader {
    uint8_t kind;
    uint32_t left; /* payload bytes of the frame under way, 0: a header comes next */
};

/* Look at the bytes that are there. 1: a frame; take it with frame_advance. 0: `needed` bytes must be there first.
 * -EPROTO: the peer broke the protocol. */
int frame_peek(const struct frame_reader *reader, const uint8_t *bytes, size_t available, struct frame *frame,
               size_t *needed);
/* Go on after `taken` bytes of the frame's payload; returns how many bytes of the input that was. */
size_t frame_advance(struct frame_reader *reader, const struct frame *frame, size_t taken, uint32_t total);
/* Payload length that a header tells. */
uint32_t frame_length(const uint8_t header[FRAME_HEADER_SIZE]);
void frame_header(uint8_t header[FRAME_HEADER_SIZE], uint8_t kind, size_t length);

#endif
