/* Starting processes: what runc does. The event loop (guestd.c and friends) calls this; nothing here blocks on
 * the started child: lazy files may take seconds to arrive.
 *
 * Convention of all of guestd: 0 or a positive count on success, -errno on failure; a reason for people goes to
 * `struct failure`. */
#ifndef RUNTIME_H
#define RUNTIME_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct json_value;

/* Why something failed. `code` is one of guest-protocol.ts' GuestError codes. */
struct failure {
    char code[16];
    char message[512];
};

/* Stages of a start in microseconds. The child writes them into memory that it shares with guestd, up to its execve;
 * read them at the status' EOF. */
struct timings {
    uint32_t cgroup, clone;             /* in guestd */
    uint32_t rootfs, mounts, process;   /* in the child: overlay; mounts, devices and pivot_root; credentials and program */
};

/* A process on its way. All descriptors are O_CLOEXEC and O_NONBLOCK and belong to the caller. */
struct spawned {
    pid_t pid;
    int status;        /* readable: EOF means the program was executed; else one `struct failure` comes */
    int stdin_pipe;    /* write end, or -1 with a terminal */
    int stdout_pipe;   /* read end, or -1 with a terminal */
    int stderr_pipe;   /* read end, or -1 with a terminal */
    int console;       /* pty master, or -1 without a terminal; there at once */
    const volatile struct timings *timings; /* never NULL; used again after 64 further starts */
    bool fresh;        /* the writable layer is new: delete it when the start fails; one of an earlier run must stay */
    char cgroup[256];  /* path below /sys/fs/cgroup, empty for host processes */
};

/* Directories on guestd's own root, a tmpfs. Files of a container (`files` of ContainerStart) are in CONTAINERS/<id>; a
 * bind mount's source below HOST_ROOT is resolved as a process of the host root would. /etc/machine-id and the host name
 * must be set before runtime_mount_host_root, /proc, /sys, /dev, /dev/pts and /sys/fs/cgroup mounted before the first start. */
#define CONTAINERS "/run/containers"
#define UPPERS "/run/uppers"
#define TREES "/run/trees"
#define HOST_ROOT "/run/host"

/* Do one piece of what makes later starts faster, in a few milliseconds; when there is nothing else to do. Returns 1 when
 * there may be more, 0 when all is ready, or -errno. */
int runtime_idle(void);
/* Start a container from an `open` frame of op `run` (guest-protocol.ts ContainerStart). When this fails, nothing new is
 * left behind. */
int runtime_run(const struct json_value *open, struct spawned *spawned, struct failure *failure);
/* Start another process in a running container; init_pid is its init. */
int runtime_exec(const struct json_value *open, pid_t init_pid, struct spawned *spawned, struct failure *failure);
/* Start a process in the host root. */
int runtime_run_host(const struct json_value *open, struct spawned *spawned, struct failure *failure);
/* Kill what is left in the cgroup and remove that; the files stay. */
int runtime_stop(const char *container, struct failure *failure);
/* Remove mounts, cgroup and writable layer of a container whose processes are gone (kills what is left in the cgroup). */
int runtime_delete(const char *container, struct failure *failure);
/* The second half of that, after runtime_stop: what is on disk and tmpfs. It may wait for the disk. */
int runtime_delete_files(const char *container, struct failure *failure);
/* Mount the 9p trees (configure) and the overlay of the host root (mount-host-root). */
int runtime_mount_trees(const char *tag, struct failure *failure);
int runtime_mount_host_root(const char *tree, struct failure *failure);
/* cgroup operations by container id. */
int runtime_freeze(const char *container, bool frozen, struct failure *failure);
int runtime_update(const char *container, const struct json_value *resources, struct failure *failure);
/* Did the kernel's OOM killer act in this cgroup (memory.events: oom_kill)? */
bool runtime_oom_killed(const char *container);

#endif
