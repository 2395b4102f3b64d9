/* guestd: PID 1 of the guest. It starts and watches what the host asks for, over src/core/guest-protocol.ts. Its file is
 * also that of the programs in programs.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "boot.h"
#include "channel.h"
#include "log.h"
#include "loop.h"
#include "programs.h"
#include "job.h"
#include "net.h"
#include "relay.h"
#include "runtime.h"

/* What a start has used up is made anew soon after, but not in the way of what the host asks for meanwhile. */
#define IDLE_DELAY 25

static void on_idle(struct timer *timer) {
    const int more = runtime_idle();
    if (more < 0)
        log_line("idle: %s", strerror(-more));
    else if (more > 0)
        loop_arm(timer, IDLE_DELAY);
}

static struct timer idle = {.ring = on_idle};

static void on_child(struct watch *watch, uint32_t events) {
    (void)events;
    struct signalfd_siginfo information[8];
    while (read(watch->fd, information, sizeof information) > 0)
        continue;
    job_reap();
    loop_arm(&idle, IDLE_DELAY);
}

/* Signals are read, never delivered; the runtime gives children their own view of them. */
static int take_signals(void) {
    static struct watch children = {.fd = -1, .ready = on_child};
    sigset_t all, child;
    sigfillset(&all);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_SETMASK, &all, NULL) < 0)
        return -errno;
    children.fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    return children.fd < 0 ? -errno : loop_watch(&children, EPOLLIN);
}

static void must(int error, const char *what) {
    if (error >= 0)
        return;
    log_console("guestd: %s: %s", what, strerror(-error));
    exit(1); /* the kernel panics, and the host sees both */
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

int main(int count, char *arguments[], char *environment[]) {
    const char *name = count > 0 ? base_name(arguments[0]) : "";
    if (strcmp(name, "docker") == 0)
        return docker_stub(count, arguments, environment);
    if (strcmp(name, "docker-init") == 0)
        return docker_init(count, arguments);
    if (getpid() != 1)
        return 1;
    boot();
    must(loop_open(), "epoll");
    must(take_signals(), "signals");
    must(net_open(), "network");
    must(relay_listen(), "unix sockets");
    must(channel_listen(), "vsock");
    int more;
    while ((more = runtime_idle()) > 0)
        continue;
    must(more, "network namespaces");
    log_console("READY");
    loop_run();
}
