/* The channel `control`: requests and events. */
#ifndef CONTROL_H
#define CONTROL_H

#include <stdint.h>

struct stream;

/* Answers `hello`. Returns 0, or -errno to cut the stream off. */
int control_open(struct stream *stream);
/* Events go to every control stream. */
void control_oom(const char *container);
void control_connection(uint32_t connection, const char *service);

#endif
