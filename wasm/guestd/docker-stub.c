#define _GNU_SOURCE
#include "docker-stub.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "frame.h"
#include "json-writer.h"
#include "programs.h"
#include "relay.h"

#define CHUNK (64u << 10)
/* What a pipe that poll calls writable takes without blocking. */
#define OUTPUT_STEP 4096

static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCONT, SIGUSR1, SIGUSR2};

static int host = -1, signals = -1;
static uint64_t pending; /* signals that are to be told, by number; SIGWINCH too */
static bool sending;     /* in the middle of a frame */
static uint32_t pull;    /* bytes that the host asked stdin for; 0: none */

void stub_die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    stub_terminal_set_raw(false);
    fputs("docker: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(125);
}

static void tell_signals(void) {
    if (sending)
        return;
    for (uint8_t number = 1; number < 64 && pending != 0; number++) {
        const uint64_t bit = (uint64_t)1 << number;
        if ((pending & bit) == 0)
            continue;
        pending &= ~bit;
        if (number != SIGWINCH) {
            stub_send(STUB_SIGNAL, &number, 1);
            continue;
        }
        uint16_t columns, rows;
        stub_terminal_size(&columns, &rows);
        const uint8_t size[4] = {(uint8_t)columns, (uint8_t)(columns >> 8), (uint8_t)rows, (uint8_t)(rows >> 8)};
        stub_send(STUB_RESIZE, size, sizeof size);
    }
}

static void take_signals(void) {
    struct signalfd_siginfo information;
    while (read(signals, &information, sizeof information) == (ssize_t)sizeof information) {
        const uint32_t number = information.ssi_signo;
        if (number == SIGTSTP) {
            stub_terminal_stop();
            /* The window may have changed while another job had it. */
            pending |= (uint64_t)1 << SIGWINCH;
            continue;
        }
        if (number == SIGCONT)
            stub_terminal_continue();
        if (number < 64)
            pending |= (uint64_t)1 << number;
    }
    tell_signals();
}

void stub_wait(int fd, short events) {
    for (;;) {
        struct pollfd polled[2] = {{.fd = fd, .events = events}, {.fd = signals, .events = POLLIN}};
        if (poll(polled, 2, -1) < 0 && errno != EINTR)
            stub_die("poll: %s", strerror(errno));
        if (polled[1].revents != 0)
            take_signals();
        if (polled[0].revents != 0)
            return;
    }
}

/* Header and payload in one piece where the socket takes it. */
static void send_parts(struct iovec parts[2]) {
    while (parts[0].iov_len + parts[1].iov_len > 0) {
        const struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        const ssize_t sent = sendmsg(host, &message, MSG_NOSIGNAL);
        if (sent >= 0) {
            size_t left = (size_t)sent;
            for (int index = 0; index < 2; index++) {
                const size_t step = left < parts[index].iov_len ? left : parts[index].iov_len;
                parts[index].iov_base = (uint8_t *)parts[index].iov_base + step;
                parts[index].iov_len -= step;
                left -= step;
            }
        } else if (errno == EAGAIN) {
            stub_wait(host, POLLOUT);
        } else if (errno == EPIPE || errno == ECONNRESET) {
            /* It hung up while this was on its way: as when nothing is being sent. */
            stub_die("the engine is gone");
        } else if (errno != EINTR) {
            stub_die("the connection to the engine broke: %s", strerror(errno));
        }
    }
}

void stub_send(uint8_t kind, const void *payload, size_t length) {
    uint8_t header[FRAME_HEADER_SIZE];
    frame_header(header, kind, length);
    struct iovec parts[2] = {{header, sizeof header}, {(void *)(uintptr_t)payload, length}};
    sending = true;
    send_parts(parts);
    sending = false;
    tell_signals();
}

void stub_send_json(uint8_t kind, struct json_writer *json) {
    if (json->failed)
        stub_die("out of memory");
    if (json->length > FRAME_MAX)
        stub_die("argument list too long");
    stub_send(kind, json->text, json->length);
    json_writer_free(json);
}

static void invoke(char *arguments[], char *environment[]) {
    struct json_writer json = {0};
    char directory[4096];
    uint16_t columns, rows;
    stub_terminal_size(&columns, &rows);
    if (getcwd(directory, sizeof directory) == NULL)
        strcpy(directory, "/");
    json_open_object(&json);
    json_name(&json, "argv");
    json_open_array(&json);
    for (char **argument = arguments; *argument != NULL; argument++)
        json_put_text(&json, *argument);
    json_close_array(&json);
    json_name(&json, "cwd");
    json_put_text(&json, directory);
    json_name(&json, "env");
    json_open_array(&json);
    for (char **variable = environment; *variable != NULL; variable++)
        json_put_text(&json, *variable);
    json_close_array(&json);
    json_name(&json, "tty");
    json_open_array(&json);
    for (int fd = 0; fd < 3; fd++)
        json_put_boolean(&json, isatty(fd) == 1);
    json_close_array(&json);
    json_name(&json, "size");
    json_open_object(&json);
    json_name(&json, "cols");
    json_put_unsigned(&json, columns);
    json_name(&json, "rows");
    json_put_unsigned(&json, rows);
    json_close_object(&json);
    json_close_object(&json);
    stub_send_json(STUB_INVOKE, &json);
}

/* Who wrote to a pipe that nobody reads is killed by SIGPIPE, as always. */
static void put_output(int fd, const uint8_t *bytes, size_t length) {
    while (length > 0) {
        stub_wait(fd, POLLOUT);
        const ssize_t written = write(fd, bytes, length < OUTPUT_STEP ? length : OUTPUT_STEP);
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        } else if (written < 0 && errno != EINTR && errno != EAGAIN) {
            return; /* a closed descriptor: the bytes have nowhere to go */
        }
    }
}

static void answer_pull(void) {
    static uint8_t chunk[CHUNK];
    const ssize_t length = read(STDIN_FILENO, chunk, pull < CHUNK ? pull : CHUNK);
    if (length < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    pull = 0;
    if (length > 0)
        stub_send(STUB_STDIN, chunk, (size_t)length);
    else
        stub_send(STUB_STDIN_END, NULL, 0);
}

static void on_frame(uint8_t kind, const uint8_t *payload, size_t length) {
    switch (kind) {
    case STUB_STDOUT:
        put_output(STDOUT_FILENO, payload, length);
        return;
    case STUB_STDERR:
        put_output(STDERR_FILENO, payload, length);
        return;
    case STUB_PULL:
        if (length == 4)
            pull = frame_length(payload);
        return;
    case STUB_RAW_MODE:
        if (length == 1)
            stub_terminal_set_raw(*payload == 1);
        return;
    case STUB_EXIT:
        stub_terminal_set_raw(false);
        exit(length == 1 ? *payload : 125);
    case STUB_FILE:
        stub_files_request(payload, length);
        return;
    case STUB_FILE_CONTENT:
        stub_files_content(payload, length);
        return;
    default:
        stub_die("the engine sent what this command doesn't know; reload the page");
    }
}

/* Hand on the whole frames at the start of the buffer; returns how many bytes they were. */
static size_t deliver(const uint8_t *bytes, size_t length, size_t *needed) {
    size_t used = 0;
    for (;;) {
        const size_t left = length - used;
        *needed = FRAME_HEADER_SIZE;
        if (left < FRAME_HEADER_SIZE)
            return used;
        const uint32_t payload = frame_length(bytes + used);
        if (payload > FRAME_MAX)
            stub_die("the engine sent a frame that is too large");
        *needed += payload;
        if (left < *needed)
            return used;
        on_frame(bytes[used + 4], bytes + used + FRAME_HEADER_SIZE, payload);
        used += *needed;
    }
}

static void receive(void) {
    static uint8_t *buffer;
    static size_t held, room;
    if (room - held < CHUNK) {
        room = held + CHUNK;
        buffer = realloc(buffer, room);
        if (buffer == NULL)
            stub_die("out of memory");
    }
    const ssize_t length = recv(host, buffer + held, room - held, 0);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0)
        stub_die("the engine is gone");
    held += (size_t)length;
    size_t needed;
    const size_t used = deliver(buffer, held, &needed);
    held -= used;
    memmove(buffer, buffer + used, held);
    if (held + CHUNK < needed) {
        room = needed;
        buffer = realloc(buffer, room);
        if (buffer == NULL)
            stub_die("out of memory");
    }
}

static void open_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t index = 0; index < sizeof forwarded / sizeof *forwarded; index++) {
        /* What is ignored (nohup, a shell's background job) stays ignored. */
        struct sigaction action;
        if (sigaction(forwarded[index], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&set, forwarded[index]);
    }
    sigaddset(&set, SIGWINCH);
    sigaddset(&set, SIGTSTP);
    sigset_t blocked = set;
    /* Putting the terminal back must not stop us. */
    sigaddset(&blocked, SIGTTOU);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        stub_die("signalfd: %s", strerror(errno));
}

static void open_host(void) {
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = RELAY_DOCKER_CLI};
    host = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (host < 0 || connect(host, (const struct sockaddr *)&address, sizeof address) < 0)
        stub_die("Cannot connect to the Docker daemon at unix://%s. Is the docker daemon running?", RELAY_DOCKER_CLI);
}

int docker_stub(int count, char *arguments[], char *environment[]) {
    open_host();
    open_signals();
    invoke(count > 0 ? arguments + 1 : arguments, environment);
    for (;;) {
        struct pollfd polled[3] = {{.fd = host, .events = POLLIN},
                                   {.fd = signals, .events = POLLIN},
                                   {.fd = pull > 0 ? STDIN_FILENO : -1, .events = POLLIN}};
        if (poll(polled, 3, -1) < 0 && errno != EINTR)
            stub_die("poll: %s", strerror(errno));
        if (polled[1].revents != 0)
            take_signals();
        if (polled[0].revents != 0)
            receive();
        else if (polled[2].revents != 0)
            answer_pull();
    }
}
