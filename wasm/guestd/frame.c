#include "frame.h"

#include <errno.h>

uint32_t frame_length(const uint8_t header[FRAME_HEADER_SIZE]) {
    return (uint32_t)header[0] | (uint32_t)header[1] << 8 | (uint32_t)header[2] << 16 | (uint32_t)header[3] << 24;
}

void frame_header(uint8_t header[FRAME_HEADER_SIZE], uint8_t kind, size_t length) {
    header[0] = (uint8_t)length;
    header[1] = (uint8_t)(length >> 8);
    header[2] = (uint8_t)(length >> 16);
    header[3] = (uint8_t)(length >> 24);
    header[4] = kind;
    header[5] = header[6] = header[7] = 0;
}

static bool is_known(uint8_t kind) {
    static const uint64_t kinds =
        1ull << FRAME_OPEN | 1ull << FRAME_HELLO | 1ull << FRAME_REQUEST | 1ull << FRAME_RESPONSE |
        1ull << FRAME_EVENT | 1ull << FRAME_CANCEL | 1ull << FRAME_PING | 1ull << FRAME_PONG | 1ull << FRAME_STARTED |
        1ull << FRAME_FAILED | 1ull << FRAME_STDOUT | 1ull << FRAME_STDERR | 1ull << FRAME_OUTPUT_END |
        1ull << FRAME_STDIN | 1ull << FRAME_STDIN_END | 1ull << FRAME_EXITED | 1ull << FRAME_DATA | 1ull << FRAME_END |
        1ull << FRAME_DATAGRAM | 1ull << FRAME_QUESTION | 1ull << FRAME_ANSWER | 1ull << FRAME_CONNECT |
        1ull << FRAME_REFUSE | 1ull << FRAME_WITHDRAWN;
    return kind < 64 && (kinds >> kind & 1) != 0;
}

static uint32_t largest(uint8_t kind) {
    switch (kind) {
    case FRAME_PING:
    case FRAME_PONG:
        return PING_MAX;
    case FRAME_OUTPUT_END:
        return 1;
    case FRAME_STDIN_END:
    case FRAME_END:
        return 0;
    default:
        return FRAME_MAX;
    }
}

static bool comes_in_pieces(uint8_t kind) {
    return kind == FRAME_STDIN || kind == FRAME_DATA;
}

int frame_peek(const struct frame_reader *reader, const uint8_t *bytes, size_t available, struct frame *frame,
               size_t *needed) {
    if (reader->left > 0) {
        *needed = 1;
        if (available == 0)
            return 0;
        *frame = (struct frame){.kind = reader->kind, .payload = bytes, .length = available};
        if (frame->length > reader->left)
            frame->length = reader->left;
        return 1;
    }
    *needed = FRAME_HEADER_SIZE;
    if (available < FRAME_HEADER_SIZE)
        return 0;
    const uint32_t length = frame_length(bytes);
    const uint8_t kind = bytes[4];
    if ((bytes[5] | bytes[6] | bytes[7]) != 0 || !is_known(kind) || length > largest(kind))
        return -EPROTO;
    *frame = (struct frame){.kind = kind, .first = true, .payload = bytes + FRAME_HEADER_SIZE};
    frame->length = available - FRAME_HEADER_SIZE;
    if (frame->length > length)
        frame->length = length;
    if (frame->length == length)
        return 1;
    *needed = FRAME_HEADER_SIZE + (comes_in_pieces(kind) ? 1 : (size_t)length);
    return available >= *needed ? 1 : 0;
}

size_t frame_advance(struct frame_reader *reader, const struct frame *frame, size_t taken, uint32_t total) {
    if (frame->first) {
        reader->kind = frame->kind;
        reader->left = total - (uint32_t)taken;
        return FRAME_HEADER_SIZE + taken;
    }
    reader->left -= (uint32_t)taken;
    return taken;
}
