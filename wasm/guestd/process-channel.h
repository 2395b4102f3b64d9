/* The channel `process`: what starts a process or takes one up again. */
#ifndef PROCESS_CHANNEL_H
#define PROCESS_CHANNEL_H

struct json_value;
struct process;
struct stream;

/* Always answers on the stream; returns 0, or -errno to cut it off. */
int process_channel_open(struct stream *stream, const struct json_value *open);
void process_channel_started(struct process *process);
/* Tell process->failure. */
void process_channel_failed(struct process *process);
void process_channel_exited(struct process *process);

#endif
