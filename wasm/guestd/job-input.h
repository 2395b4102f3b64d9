/* What the host types: from the stream straight into the pipe or terminal. What doesn't fit stays in the stream, and so
 * stops the host. */
#ifndef JOB_INPUT_H
#define JOB_INPUT_H

#include <stddef.h>
#include <stdint.h>

struct job;
struct watch;

/* Returns how many bytes were taken. Without a reader all are, as nobody will ever want them. */
size_t job_input_write(struct job *job, const uint8_t *bytes, size_t length);
/* The host has no more: closes a pipe; a terminal has no end that could be told. */
void job_input_end(struct job *job);
void job_input_ready(struct watch *watch, uint32_t events);

#endif
