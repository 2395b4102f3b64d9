/* The event loop: one epoll set, one thread. A callback may remove and free any watch, its own too. */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct watch {
    int fd;
    uint32_t events; /* what is watched now; 0: nothing, and errors are not told either */
    void (*ready)(struct watch *watch, uint32_t events);
};

struct timer {
    uint64_t due; /* loop_now() milliseconds */
    bool armed;
    void (*ring)(struct timer *timer);
    struct timer *next;
};

/* The object that a watch or timer is a member of. */
#define container_of(pointer, type, member) ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

int loop_open(void);
/* Watch for these epoll events instead of those so far; 0 stops watching. Call it with 0 before the descriptor is closed. */
int loop_watch(struct watch *watch, uint32_t events);
/* Close the descriptor, if there is one, and forget it. */
void loop_close(struct watch *watch);
void loop_arm(struct timer *timer, unsigned milliseconds);
void loop_disarm(struct timer *timer);
/* Milliseconds of the monotonic clock. */
uint64_t loop_now(void);
/* Wait at most this long (-1: for ever) and call what is ready. */
void loop_step(int milliseconds);
_Noreturn void loop_run(void);

#endif
