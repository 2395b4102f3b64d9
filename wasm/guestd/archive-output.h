/* What the child of an archive says: frames on a pipe, which guestd's loop hands on. `data` is gathered into large ones. */
#ifndef ARCHIVE_OUTPUT_H
#define ARCHIVE_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "frame.h"

#define OUTPUT_DATA (64u << 10)
/* Largest JSON frame: FRAME_STARTED and FRAME_FAILED. */
#define OUTPUT_JSON_MAX (60u << 10)

struct failure;
struct json_writer;

struct output_pipe {
    int fd;
    int error; /* the first that happened, -errno; from then on nothing is written */
    size_t used;
    uint8_t frame[FRAME_HEADER_SIZE + OUTPUT_DATA];
};

void output_write(struct output_pipe *output, const void *bytes, size_t length);
void output_zeros(struct output_pipe *output, uint64_t length);
/* Room to put bytes in oneself, at least one; *room says how many. Tell with output_took how many there are. */
uint8_t *output_room(struct output_pipe *output, size_t *room);
void output_took(struct output_pipe *output, size_t length);
void output_json(struct output_pipe *output, uint8_t kind, const struct json_writer *json);
void output_failed(struct output_pipe *output, const struct failure *failure);
/* What is gathered, and the frame `end`. 0 or the error. */
int output_end(struct output_pipe *output);

#endif
