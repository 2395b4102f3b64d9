#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "docker-stub.h"

static struct termios original;
static bool wanted, applied;

static bool in_front(void) {
    return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static void restore(void) {
    if (applied && in_front())
        tcsetattr(STDIN_FILENO, TCSADRAIN, &original);
    applied = false;
}

static void apply(void) {
    static bool restored_at_exit;
    if (!wanted || applied || !in_front() || tcgetattr(STDIN_FILENO, &original) < 0)
        return;
    struct termios raw = original;
    cfmakeraw(&raw);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    applied = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
    if (!restored_at_exit)
        atexit(restore);
    restored_at_exit = true;
}

void stub_terminal_set_raw(bool raw) {
    wanted = raw;
    if (raw)
        apply();
    else
        restore();
}

void stub_terminal_stop(void) {
    restore();
    /* SIGTSTP itself is blocked, to be read. */
    kill(getpid(), SIGSTOP);
}

void stub_terminal_continue(void) {
    apply();
}

void stub_terminal_size(uint16_t *columns, uint16_t *rows) {
    static const int descriptors[] = {STDOUT_FILENO, STDIN_FILENO, STDERR_FILENO};
    struct winsize size = {.ws_col = 80, .ws_row = 24};
    for (size_t index = 0; index < sizeof descriptors / sizeof *descriptors; index++)
        if (ioctl(descriptors[index], TIOCGWINSZ, &size) == 0)
            break;
    *columns = size.ws_col;
    *rows = size.ws_row;
}
