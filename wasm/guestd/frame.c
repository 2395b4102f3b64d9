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
    if (length > FRAME_MAX || (bytes[5] | bytes[6] | bytes[7]) != 0 || kind == 0)
        return -EPROTO;
    if (kind == FRAME_PING && length > PING_MAX)
        return -EPROTO;
    if ((kind == FRAME_STDIN_END || kind == FRAME_END) && length > 0)
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
