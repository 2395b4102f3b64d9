#include "job-output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "job.h"
#include "stream.h"

#define CHUNK (64u << 10)

static uint8_t chunk[CHUNK];

static uint8_t kind_of(const struct output *output) {
    return output->number == 1 ? FRAME_STDOUT : FRAME_STDERR;
}

static void keep(struct output *output, const uint8_t *bytes, size_t length) {
    const uint64_t end = output->total + length;
    output->total = end;
    if (length > REPLAY_SIZE) {
        bytes += length - REPLAY_SIZE;
        length = REPLAY_SIZE;
    }
    const size_t at = (size_t)((end - length) % REPLAY_SIZE);
    const size_t first = length < REPLAY_SIZE - at ? length : REPLAY_SIZE - at;
    memcpy(output->replay + at, bytes, first);
    memcpy(output->replay, bytes + first, length - first);
}

static void send_end(const struct output *output) {
    stream_send(output->job->stream, FRAME_OUTPUT_END, &output->number, 1);
}

/* Most processes say little: keep no more than that. */
static void trim(struct output *output) {
    if (output->replay == NULL || output->total >= REPLAY_SIZE)
        return;
    if (output->total == 0) {
        free(output->replay);
        output->replay = NULL;
        return;
    }
    uint8_t *replay = realloc(output->replay, (size_t)output->total);
    if (replay != NULL)
        output->replay = replay;
}

static void end(struct output *output) {
    trim(output);
    loop_watch(&output->watch, 0);
    close(output->watch.fd);
    output->watch.fd = -1;
    send_end(output);
}

static void update(struct output *output) {
    const struct job *job = output->job;
    if (output->watch.fd < 0)
        return;
    const bool wanted = job->stream != NULL && job->state >= JOB_RUNNING &&
                        stream_has_room(job->stream);
    if (loop_watch(&output->watch, wanted ? EPOLLIN : 0) < 0)
        end(output);
}

void job_output_update(struct job *job) {
    update(&job->outputs[0]);
    update(&job->outputs[1]);
}

/* Read what is there, at most a chunk. A terminal gives 4 KiB at a time, so reads are put together. Returns what came;
 * *over: nothing more will. */
static size_t gather(const struct output *output, bool *over) {
    size_t length = 0;
    while (length < CHUNK) {
        const ssize_t got = read(output->watch.fd, chunk + length, CHUNK - length);
        if (got < 0 && errno == EINTR)
            continue;
        /* A terminal that no process has open any more gives EIO. */
        *over = got == 0 || (got < 0 && errno != EAGAIN);
        if (got <= 0)
            break;
        length += (size_t)got;
        if (got < 2048 || output->job->spawned.console < 0)
            break;
    }
    return length;
}

void job_output_ready(struct watch *watch, uint32_t events) {
    (void)events;
    struct output *output = container_of(watch, struct output, watch);
    struct job *job = output->job;
    if (output->replay == NULL)
        output->replay = malloc(REPLAY_SIZE);
    if (output->replay == NULL) {
        /* Nothing is lost: it stays in the pipe. The stream is, as the host can try again. */
        stream_close(job->stream);
        job_detach(job);
        return;
    }
    bool over = false;
    const size_t length = gather(output, &over);
    if (length > 0) {
        keep(output, chunk, length);
        stream_send(job->stream, kind_of(output), chunk, length);
    }
    if (over)
        end(output);
    job_output_update(job);
    if (over)
        job_settle(job);
}

uint64_t job_output_kept(const struct output *output) {
    return output->total < REPLAY_SIZE ? 0 : output->total - REPLAY_SIZE;
}

void job_output_replay(struct output *output, uint64_t offset) {
    while (offset < output->total) {
        const size_t at = (size_t)(offset % REPLAY_SIZE);
        size_t length = (size_t)(output->total - offset);
        if (length > REPLAY_SIZE - at)
            length = REPLAY_SIZE - at;
        stream_send(output->job->stream, kind_of(output), output->replay + at, length);
        offset += length;
    }
    if (output->watch.fd < 0)
        send_end(output);
}
