#include "archive-output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "failure.h"
#include "json-writer.h"

static void send(struct output_pipe *output, const uint8_t *bytes, size_t length) {
    while (length > 0 && output->error == 0) {
        const ssize_t written = write(output->fd, bytes, length);
        if (written < 0 && errno != EINTR)
            output->error = -errno;
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        }
    }
}

static void flush(struct output_pipe *output) {
    if (output->used == 0)
        return;
    frame_header(output->frame, FRAME_DATA, output->used);
    send(output, output->frame, FRAME_HEADER_SIZE + output->used);
    output->used = 0;
}

uint8_t *output_room(struct output_pipe *output, size_t *room) {
    if (output->used == OUTPUT_DATA)
        flush(output);
    *room = OUTPUT_DATA - output->used;
    return output->frame + FRAME_HEADER_SIZE + output->used;
}

void output_took(struct output_pipe *output, size_t length) {
    output->used += length;
}

void output_write(struct output_pipe *output, const void *bytes, size_t length) {
    const uint8_t *from = bytes;
    while (length > 0) {
        size_t room;
        uint8_t *to = output_room(output, &room);
        const size_t part = length < room ? length : room;
        memcpy(to, from, part);
        output->used += part;
        from += part;
        length -= part;
    }
}

void output_zeros(struct output_pipe *output, uint64_t length) {
    while (length > 0 && output->error == 0) {
        size_t room;
        uint8_t *to = output_room(output, &room);
        const size_t part = length < room ? (size_t)length : room;
        memset(to, 0, part);
        output->used += part;
        length -= part;
    }
}

void output_json(struct output_pipe *output, uint8_t kind, const struct json_writer *json) {
    uint8_t header[FRAME_HEADER_SIZE];
    flush(output);
    if (json->failed || json->length > OUTPUT_JSON_MAX) {
        output->error = -ENOMEM;
        return;
    }
    frame_header(header, kind, json->length);
    send(output, header, sizeof header);
    send(output, (const uint8_t *)json->text, json->length);
}

void output_failed(struct output_pipe *output, const struct failure *failure) {
    struct json_writer json = {0};
    failure_put(&json, failure);
    output_json(output, FRAME_FAILED, &json);
    json_writer_free(&json);
}

int output_end(struct output_pipe *output) {
    uint8_t header[FRAME_HEADER_SIZE];
    flush(output);
    frame_header(header, FRAME_END, 0);
    send(output, header, sizeof header);
    return output->error;
}
