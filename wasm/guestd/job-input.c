#include "job-input.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "job.h"
#include "stream.h"

static void close_input(struct job *job) {
    if (job->input.fd < 0)
        return;
    loop_watch(&job->input, 0);
    close(job->input.fd);
    job->input.fd = -1;
}

size_t job_input_write(struct job *job, const uint8_t *bytes, size_t length) {
    size_t taken = 0;
    while (taken < length && job->input.fd >= 0) {
        const ssize_t written = write(job->input.fd, bytes + taken, length - taken);
        if (written > 0) {
            taken += (size_t)written;
        } else if (written == 0 || errno == EAGAIN) {
            if (loop_watch(&job->input, EPOLLOUT) == 0)
                return taken;
            close_input(job);
        } else if (errno != EINTR) {
            close_input(job);
        }
    }
    return length;
}

void job_input_end(struct job *job) {
    if (job->spawned.console < 0)
        close_input(job);
}

void job_input_ready(struct watch *watch, uint32_t events) {
    struct job *job = container_of(watch, struct job, input);
    if ((events & EPOLLOUT) == 0)
        close_input(job); /* nobody reads any more */
    else
        loop_watch(watch, 0);
    if (job->stream != NULL)
        stream_resume(job->stream);
}
