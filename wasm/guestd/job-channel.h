/* The channel `process`: what starts a process or takes one up again. */
#ifndef JOB_CHANNEL_H
#define JOB_CHANNEL_H

struct json_value;
struct job;
struct stream;

/* Always answers on the stream; returns 0, or -errno to cut it off. */
int job_channel_open(struct stream *stream, const struct json_value *open);
void job_channel_started(struct job *job);
/* Tell job->failure. */
void job_channel_failed(struct job *job);
void job_channel_exited(struct job *job);

#endif
