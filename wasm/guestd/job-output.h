/* What processes write: from their pipes or terminal to the stream, and the last of it kept for `attach`. */
#ifndef JOB_OUTPUT_H
#define JOB_OUTPUT_H

#include <stdint.h>

struct output;
struct job;
struct watch;

void job_output_ready(struct watch *watch, uint32_t events);
/* Read where a stream wants it, and only there. */
void job_output_update(struct job *job);
/* The earliest offset that can still be sent. */
uint64_t job_output_kept(const struct output *output);
/* Send again from this offset on, and the end if it has come. */
void job_output_replay(struct output *output, uint64_t offset);

#endif
