/* What the host types: from the stream straight into the pipe or terminal. What doesn't fit stays in the stream, and so
 * stops the host. */
#ifndef PROCESS_INPUT_H
#define PROCESS_INPUT_H

#include <stddef.h>
#include <stdint.h>

struct process;
struct watch;

/* Returns how many bytes were taken. Without a reader all are, as nobody will ever want them. */
size_t process_input_write(struct process *process, const uint8_t *bytes, size_t length);
/* The host has no more: closes a pipe; a terminal has no end that could be told. */
void process_input_end(struct process *process);
void process_input_ready(struct watch *watch, uint32_t events);

#endif
