/* Processes that the host started: containers' inits, their execs, and processes of the host root. guestd owns their
 * pipes and terminals, so that a stream to the host may break and be taken up again. */
#ifndef JOB_H
#define JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop.h"
#include "runtime.h"

#define JOB_ID_MAX 64
/* What `attach` can give again of each stream, in bytes. */
#define REPLAY_SIZE (64u << 10)

struct stream;
struct job;

enum job_kind { JOB_CONTAINER, JOB_EXEC, JOB_HOST };

enum job_state {
    JOB_STARTING, /* spawned, not executed yet */
    JOB_ABORTING, /* will not come up; waits to be reaped */
    JOB_RUNNING,
    JOB_EXITED,
};

struct output {
    struct watch watch; /* fd -1: ended */
    struct job *job;
    uint8_t number; /* 1 stdout (or the terminal), 2 stderr */
    uint64_t total; /* bytes sent since the start */
    uint8_t *replay; /* ring of the last of them, by total % REPLAY_SIZE; NULL before the first */
};

struct job {
    struct job *next;
    enum job_kind kind;
    enum job_state state;
    char container[JOB_ID_MAX + 1]; /* empty for host processes */
    char name[JOB_ID_MAX + 1];      /* of an exec or host process, else empty */
    bool removing;  /* delete it as soon as it has exited */
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
struct job *job_new(enum job_kind kind, const char *container, const char *name);
/* Watch over what runtime_* has spawned. What fails is told on the stream. */
void job_watch(struct job *job);
/* The runtime could not even spawn: clear away. */
void job_drop(struct job *job);
/* NULL when there is none. */
struct job *job_find(enum job_kind kind, const char *container, const char *name);
/* Of a container's init or the process that a ProcessRef names; fails with `invalid`, `no-container` or `not-running`. */
struct json_value;
struct job *job_refer(const struct json_value *reference, struct failure *failure);
bool job_id_valid(const char *id);
bool job_container_valid(const char *id);
/* The first record; go on with `next`. Forgotten ones are among them. */
struct job *job_first(void);
/* The stream is gone: an abort while it starts, else the process lives on. */
void job_detach(struct job *job);
/* Is everything told that there is to tell? Then the stream ends, and a forgotten record goes. */
void job_settle(struct job *job);
/* Forget an exited container with its execs, and keep its files: it is started again. */
void job_forget_container(const char *container);
/* Delete what is left of a container, and forget it with its execs. */
int job_delete_container(const char *container, struct failure *failure);
/* Delete a container that runs: it is killed now, and deleted when it is dead. */
void job_remove(struct job *job);
/* Reap every dead child. */
void job_reap(void);

#endif
