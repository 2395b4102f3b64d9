/* The runtime without guestd: each line of standard input is an `open` frame (run, exec, run-host) or a request (delete,
 * pause, resume, update, mount-host-root, mount-trees); answers go to standard output as lines of text. As root, in a mount
 * namespace that tests/runtime-shell.sh lays out. A run with "keep": true is left running; "input": text goes to its stdin. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../json.h"
#include "../runtime.h"

static pid_t init_pid;

static void drain(const char *name, int fd) {
    char buffer[65536];
    ssize_t got;
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    while (fd >= 0 && poll(&wait, 1, 20000) > 0 && (got = read(fd, buffer, sizeof buffer)) > 0)
        for (char *rest = NULL, *line = strtok_r((buffer[got < 65536 ? got : 65535] = '\0', buffer), "\r\n", &rest); line != NULL;
             line = strtok_r(NULL, "\r\n", &rest))
            printf("%s: %s\n", name, line);
    if (fd >= 0)
        close(fd);
}

static void follow(const struct json_value *open, struct spawned *spawned) {
    struct failure failure;
    struct pollfd wait = {.fd = spawned->status, .events = POLLIN};
    const char *input = json_text(json_get(open, "input"), "");
    int status;
    poll(&wait, 1, 20000);
    ssize_t got = read(spawned->status, &failure, sizeof failure);
    close(spawned->status);
    if (got > 0) {
        printf("failed: %s: %s\n", failure.code, failure.message);
        waitpid(spawned->pid, &status, 0);
    } else if (json_is_true(json_get(open, "timings")))
        printf("timings: cgroup %u clone %u rootfs %u mounts %u process %u\n", spawned->timings->cgroup,
               spawned->timings->clone, spawned->timings->rootfs, spawned->timings->mounts, spawned->timings->process);
    if (got == 0 && json_is_true(json_get(open, "keep"))) {
        init_pid = spawned->pid;
        printf("running\n");
        return;
    }
    int in = spawned->console >= 0 ? spawned->console : spawned->stdin_pipe;
    if (write(in, input, strlen(input)) < 0)
        printf("write: %s\n", strerror(errno));
    if (spawned->stdin_pipe >= 0)
        close(spawned->stdin_pipe);
    drain("out", spawned->stdout_pipe);
    drain("err", spawned->stderr_pipe);
    drain("tty", spawned->console);
    if (got == 0) {
        waitpid(spawned->pid, &status, 0);
        printf("exit: %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
}

static int handle(const struct json_value *frame) {
    struct failure failure = {.code = ""};
    struct spawned spawned;
    const char *op = json_text(json_get(frame, "op"), ""), *container = json_text(json_get(frame, "container"), "");
    int error = -ENOSYS;
    if (strcmp(op, "run") == 0)
        error = runtime_run(frame, &spawned, &failure);
    else if (strcmp(op, "exec") == 0)
        error = runtime_exec(frame, init_pid, &spawned, &failure);
    else if (strcmp(op, "run-host") == 0)
        error = runtime_run_host(frame, &spawned, &failure);
    else if (strcmp(op, "kill") == 0)
        return kill(init_pid, SIGKILL) < 0 || waitpid(init_pid, NULL, 0) < 0 ? -errno : 0;
    else if (strcmp(op, "delete") == 0)
        return runtime_delete(container, &failure) < 0 ? printf("failed: %s: %s\n", failure.code, failure.message) : 0;
    else if (strcmp(op, "pause") == 0 || strcmp(op, "resume") == 0)
        return runtime_freeze(container, *op == 'p', &failure) < 0
                   ? printf("failed: %s: %s\n", failure.code, failure.message)
                   : 0;
    else if (strcmp(op, "mount-host-root") == 0)
        return runtime_mount_host_root(json_text(json_get(frame, "tree"), ""), &failure) < 0
                   ? printf("failed: %s: %s\n", failure.code, failure.message)
                   : 0;
    if (error < 0)
        printf("refused: %s: %s\n", failure.code, failure.message);
    else
        follow(frame, &spawned);
    return error;
}

int main(void) {
    char *line = NULL;
    size_t room = 0;
    umount2("/old", MNT_DETACH); /* from the script's pivot_root */
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (ssize_t length; (length = getline(&line, &room, stdin)) > 0;) {
        struct json_document document;
        if (json_parse(line, (size_t)length, &document) < 0)
            printf("not JSON: %s", line);
        else
            handle(document.root);
        fflush(stdout);
        json_free(&document);
    }
    free(line);
    return 0;
}
