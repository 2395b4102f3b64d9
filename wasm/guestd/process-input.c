#include "process-input.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "process.h"
#include "stream.h"

static void close_input(struct process *process) {
    if (process->input.fd < 0)
        return;
    loop_watch(&process->input, 0);
    close(process->input.fd);
    process->input.fd = -1;
}

size_t process_input_write(struct process *process, const uint8_t *bytes, size_t length) {
    size_t taken = 0;
    while (taken < length && process->input.fd >= 0) {
        const ssize_t written = write(process->input.fd, bytes + taken, length - taken);
        if (written > 0) {
            taken += (size_t)written;
        } else if (written == 0 || errno == EAGAIN) {
            if (loop_watch(&process->input, EPOLLOUT) == 0)
                return taken;
            close_input(process);
        } else if (errno != EINTR) {
            close_input(process);
        }
    }
    return length;
}

void process_input_end(struct process *process) {
    if (process->spawned.console < 0)
        close_input(process);
}

void process_input_ready(struct watch *watch, uint32_t events) {
    struct process *process = container_of(watch, struct process, input);
    if ((events & EPOLLOUT) == 0)
        close_input(process); /* nobody reads any more */
    else
        loop_watch(watch, 0);
    if (process->stream != NULL)
        stream_resume(process->stream);
}
