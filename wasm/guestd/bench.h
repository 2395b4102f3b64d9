/* The channels `echo`, `source` and `sink`: for tests and the benchmark. */
#ifndef BENCH_H
#define BENCH_H

struct json_value;
struct stream;

/* Returns 0, or -errno for a channel that there isn't. */
int bench_open(struct stream *stream, const char *channel, const struct json_value *open);

#endif
