/* docker-init: PID 1 of a container that was started with --init. It starts the command, hands it the signals that it
 * gets, reaps orphans, and ends with the command's exit code, or 128 + N. */
#define _GNU_SOURCE
#include "programs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Signals that speak of this process itself. */
static const int own[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS};

static pid_t start(char *const command[], const sigset_t *mask) {
    const pid_t child = fork();
    if (child != 0)
        return child;
    /* A group of its own, in front of the terminal if there is one: Ctrl-C reaches it once, not twice. */
    setpgid(0, 0);
    signal(SIGTTOU, SIG_IGN);
    if (tcsetpgrp(STDIN_FILENO, getpgrp()) < 0 && errno != ENOTTY && errno != EBADF && errno != ENXIO)
        fprintf(stderr, "docker-init: tcsetpgrp: %s\n", strerror(errno));
    signal(SIGTTOU, SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(command[0], command);
    const int error = errno;
    fprintf(stderr, "docker-init: exec %s: %s\n", command[0], strerror(error));
    _exit(error == ENOENT ? 127 : 126);
}

/* Reap what is dead; the exit code once the command is, else -1. */
static int reap(pid_t command) {
    int code = -1, status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == command)
            code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return code;
}

int docker_init(int count, char *arguments[]) {
    char **command = arguments + 1;
    if (count > 1 && strcmp(*command, "--") == 0)
        command++;
    if (*command == NULL) {
        fprintf(stderr, "usage: docker-init -- COMMAND [ARGUMENT...]\n");
        return 1;
    }
    sigset_t taken, before;
    sigfillset(&taken);
    for (size_t index = 0; index < sizeof own / sizeof *own; index++)
        sigdelset(&taken, own[index]);
    sigdelset(&taken, SIGTTIN);
    sigdelset(&taken, SIGTTOU);
    signal(SIGTTIN, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
    sigprocmask(SIG_SETMASK, &taken, &before);
    const pid_t child = start(command, &before);
    if (child < 0) {
        fprintf(stderr, "docker-init: fork: %s\n", strerror(errno));
        return 1;
    }
    for (;;) {
        siginfo_t information;
        const int signal_number = sigwaitinfo(&taken, &information);
        if (signal_number == SIGCHLD) {
            const int code = reap(child);
            if (code >= 0)
                return code;
        } else if (signal_number > 0) {
            kill(child, signal_number);
        }
    }
}
