/* Processes that the host started: containers' inits, their execs, and processes of the host root. guestd owns their
 * pipes and terminals, so that a stream to the host may break and be taken up again. */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop.h"
#include "runtime.h"

#define PROCESS_ID_MAX 64
/* What `attach` can give again of each stream, in bytes. */
#define REPLAY_SIZE (64u << 10)

struct stream;
struct process;

enum process_kind { PROCESS_CONTAINER, PROCESS_EXEC, PROCESS_HOST };

enum process_state {
    PROCESS_STARTING, /* spawned, not executed yet */
    PROCESS_ABORTING, /* will not come up; waits to be reaped */
    PROCESS_RUNNING,
    PROCESS_EXITED,
};

struct output {
    struct watch watch; /* fd -1: ended */
    struct process *process;
    uint8_t number; /* 1 stdout (or the terminal), 2 stderr */
    uint64_t total; /* bytes sent since the start */
    uint8_t *replay; /* ring of the last of them, by total % REPLAY_SIZE; NULL before the first */
};

struct process {
    struct process *next;
    enum process_kind kind;
    enum process_state state;
    char container[PROCESS_ID_MAX + 1]; /* empty for host processes */
    char name[PROCESS_ID_MAX + 1];      /* of an exec or host process, else empty */
    bool forgotten; /* deleted: only its stream still wants it */
    struct spawned spawned;
    struct watch status;
    struct watch input; /* stdin's pipe, or a second descriptor of the terminal; fd -1: closed */
    struct output outputs[2];
    struct watch memory_events; /* of a container's cgroup; fd -1: none */
    uint64_t oom_kills;
    struct stream *stream; /* NULL: detached */
    struct failure failure; /* while aborting with a stream: what to tell */
    bool exited_sent;
    bool input_ended; /* the host said stdin-end on this stream */
    bool reaped;
    bool oom_killed;
    uint8_t exit_code; /* 128 + N for a death by signal N */
    uint64_t began; /* microseconds of the monotonic clock */
    uint32_t spawn_time, exec_time; /* microseconds */
};

/* Make a record, named as the `open` frame or a ProcessRef says. NULL: no memory. */
struct process *process_new(enum process_kind kind, const char *container, const char *name);
/* Watch over what runtime_* has spawned. What fails is told on the stream. */
void process_watch(struct process *process);
/* The runtime could not even spawn: clear away. */
void process_drop(struct process *process);
/* NULL when there is none. */
struct process *process_find(enum process_kind kind, const char *container, const char *name);
/* Of a container's init or the process that a ProcessRef names; fails with `invalid`, `no-container` or `not-running`. */
struct json_value;
struct process *process_refer(const struct json_value *reference, struct failure *failure);
bool process_id_valid(const char *id);
bool process_container_valid(const char *id);
/* The first record; go on with `next`. Forgotten ones are among them. */
struct process *process_first(void);
/* The stream is gone: an abort while it starts, else the process lives on. */
void process_detach(struct process *process);
/* Is everything told that there is to tell? Then the stream ends, and a forgotten record goes. */
void process_settle(struct process *process);
/* Forget a container that has exited, with its execs. */
void process_forget_container(const char *container);
/* Reap every dead child. */
void process_reap(void);

#endif
