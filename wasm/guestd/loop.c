#include "loop.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define BATCH 32

static int epoll = -1;
/* What this round of epoll_wait told and is not called yet: a watch that is removed meanwhile is taken out. */
static struct epoll_event batch[BATCH];
static int batch_count;
static struct timer *timers;

int loop_open(void) {
    epoll = epoll_create1(EPOLL_CLOEXEC);
    return epoll < 0 ? -errno : 0;
}

int loop_watch(struct watch *watch, uint32_t events) {
    if (watch->events == events)
        return 0;
    struct epoll_event event = {.events = events, .data.ptr = watch};
    const int action = events == 0 ? EPOLL_CTL_DEL : watch->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    watch->events = events;
    if (events == 0)
        for (int index = 0; index < batch_count; index++)
            if (batch[index].data.ptr == watch)
                batch[index].data.ptr = NULL;
    if (epoll_ctl(epoll, action, watch->fd, &event) == 0)
        return 0;
    const int error = -errno;
    if (action == EPOLL_CTL_ADD)
        watch->events = 0;
    return error;
}

void loop_close(struct watch *watch) {
    if (watch->fd < 0)
        return;
    loop_watch(watch, 0);
    close(watch->fd);
    watch->fd = -1;
}

uint64_t loop_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void loop_arm(struct timer *timer, unsigned milliseconds) {
    loop_disarm(timer);
    timer->due = loop_now() + milliseconds;
    timer->armed = true;
    timer->next = timers;
    timers = timer;
}

void loop_disarm(struct timer *timer) {
    if (!timer->armed)
        return;
    for (struct timer **link = &timers; *link != NULL; link = &(*link)->next)
        if (*link == timer) {
            *link = timer->next;
            break;
        }
    timer->armed = false;
}

/* Ring what is due, one at a time as a callback may change the list, but each timer at most once a round:
 * one that arms itself anew with 0 must not keep the loop from its descriptors. Returns the time to the next, or -1. */
static int ring_timers(void) {
    if (timers == NULL)
        return -1;
    const uint64_t now = loop_now();
    for (int rounds = 0; rounds < 256; rounds++) {
        uint64_t next = UINT64_MAX;
        struct timer *due = NULL;
        for (struct timer *timer = timers; timer != NULL; timer = timer->next) {
            if (timer->due <= now && due == NULL)
                due = timer;
            if (timer->due < next)
                next = timer->due;
        }
        if (due == NULL)
            return next == UINT64_MAX ? -1 : next - now > 60000 ? 60000 : (int)(next - now);
        loop_disarm(due);
        due->ring(due);
    }
    return 0;
}

void loop_step(int milliseconds) {
    const int timeout = ring_timers();
    if (milliseconds < 0 || (timeout >= 0 && timeout < milliseconds))
        milliseconds = timeout;
    batch_count = epoll_wait(epoll, batch, BATCH, milliseconds);
    for (int index = 0; index < batch_count; index++) {
        struct watch *watch = batch[index].data.ptr;
        if (watch != NULL)
            watch->ready(watch, batch[index].events);
    }
    batch_count = 0;
}

void loop_run(void) {
    for (;;)
        loop_step(-1);
}
