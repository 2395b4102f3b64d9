/* Whole sessions over a socket pair: guestd's loop, streams and channels as they are, processes of the build host. */
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../channel.h"
#include "../frame.h"
#include "../loop.h"
#include "../relay.h"
#include "../stream.h"
#include "stand-in.h"

struct received {
    uint8_t kind;
    size_t length;
    uint8_t payload[FRAME_MAX + 1];
};

static struct received last;

static int connect_host(void) {
    int pair[2];
    assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    channel_accept(pair[1]);
    return pair[0];
}

/* Move bytes while guestd runs. */
static void push(int fd, const void *bytes, size_t length) {
    for (size_t at = 0; at < length;) {
        const ssize_t sent = send(fd, (const uint8_t *)bytes + at, length - at, MSG_NOSIGNAL);
        if (sent > 0)
            at += (size_t)sent;
        else
            loop_step(1000);
    }
}

static void put(int fd, uint8_t kind, const void *payload, size_t length) {
    uint8_t header[FRAME_HEADER_SIZE];
    frame_header(header, kind, length);
    push(fd, header, sizeof header);
    push(fd, payload, length);
}

static void put_text(int fd, uint8_t kind, const char *text) {
    put(fd, kind, text, strlen(text));
}

/* False at the end of the stream. */
static bool pull(int fd, uint8_t *bytes, size_t length) {
    for (size_t at = 0; at < length;) {
        const ssize_t got = recv(fd, bytes + at, length - at, 0);
        if (got == 0) {
            assert(at == 0);
            return false;
        }
        if (got > 0)
            at += (size_t)got;
        else
            loop_step(1000);
    }
    return true;
}

static bool get(int fd) {
    uint8_t header[FRAME_HEADER_SIZE];
    if (!pull(fd, header, sizeof header))
        return false;
    last.kind = header[4];
    last.length = frame_length(header);
    assert(last.length <= FRAME_MAX && (last.length == 0 || pull(fd, last.payload, last.length)));
    last.payload[last.length] = '\0';
    return true;
}

static void expect(int fd, uint8_t kind, const char *text) {
    assert(get(fd));
    if (last.kind != kind || strstr((const char *)last.payload, text) == NULL) {
        fprintf(stderr, "0x%02x %s, not 0x%02x %s\n", last.kind, (const char *)last.payload, kind, text);
        abort();
    }
}

static void expect_end(int fd) {
    assert(!get(fd));
    close(fd);
}

static void settle(void) {
    for (int round = 0; round < 20; round++)
        loop_step(1);
    assert(stream_count() == 0);
}

static void check_control(void) {
    const int fd = connect_host();
    put_text(fd, FRAME_OPEN, "{\"channel\":\"control\"}");
    expect(fd, FRAME_HELLO, "\"version\":1");
    put_text(fd, FRAME_PING, "abc");
    expect(fd, FRAME_PONG, "abc");
    put_text(fd, FRAME_REQUEST, "{\"id\":9007199254740991,\"op\":\"list\"}");
    expect(fd, FRAME_RESPONSE, "{\"id\":9007199254740991,\"result\":{\"containers\":[]}}");
    put_text(fd, FRAME_CANCEL, "{\"id\":9}");
    put_text(fd, FRAME_REQUEST, "{\"id\":2,\"op\":\"nosuch\"}");
    expect(fd, FRAME_RESPONSE, "{\"id\":2,\"error\":{\"code\":\"invalid\"");
    put_text(fd, FRAME_REQUEST, "{\"id\":3,\"op\":\"signal\",\"process\":{\"host\":\"none\"},\"signal\":9}");
    expect(fd, FRAME_RESPONSE, "\"not-running\"");
    put_text(fd, FRAME_STDIN, "x");
    expect_end(fd);
    settle();
}

#define USAGE(id, name) "{\"id\":" id ",\"op\":\"volume-usage\",\"volume\":\"" name "\"}"
#define CANCELLED(id) "{\"id\":" id ",\"error\":{\"code\":\"cancelled\""

/* What takes long is a process's: all else goes on meanwhile, each lane has its own turns, and a cancelled one gives its up. */
static void check_tasks(void) {
    int fd = connect_host();
    put_text(fd, FRAME_OPEN, "{\"channel\":\"control\"}");
    expect(fd, FRAME_HELLO, "version");
    put_text(fd, FRAME_REQUEST, USAGE("1", "small"));
    expect(fd, FRAME_RESPONSE, "{\"id\":1,\"result\":{\"bytes\":7}}");
    put_text(fd, FRAME_REQUEST, "{\"id\":2,\"op\":\"make-volume\",\"volume\":\"v\"}");
    expect(fd, FRAME_RESPONSE, "{\"id\":2,\"error\":{\"code\":\"failed\",\"message\":\"not in a test\"}}");
    put_text(fd, FRAME_REQUEST, USAGE("3", "deadly"));
    expect(fd, FRAME_RESPONSE, "{\"id\":3,\"error\":{\"code\":\"failed\",\"message\":\"the request's process died\"}}");
    put_text(fd, FRAME_REQUEST, USAGE("4", "endless"));
    put_text(fd, FRAME_REQUEST, USAGE("5", "endless"));
    put_text(fd, FRAME_REQUEST, USAGE("6", "endless")); /* waits for its turn, as do those after it */
    put_text(fd, FRAME_REQUEST, USAGE("7", "small"));
    put_text(fd, FRAME_PING, "abc");
    expect(fd, FRAME_PONG, "abc");
    put_text(fd, FRAME_REQUEST, "{\"id\":8,\"op\":\"sync-disk\"}");
    expect(fd, FRAME_RESPONSE, "{\"id\":8,\"result\":null}");
    put_text(fd, FRAME_REQUEST, "{\"id\":9,\"op\":\"delete\",\"container\":\"none\"}");
    expect(fd, FRAME_RESPONSE, "{\"id\":9,\"error\":{\"code\":\"invalid\"");
    put_text(fd, FRAME_CANCEL, "{\"id\":6}");
    expect(fd, FRAME_RESPONSE, CANCELLED("6"));
    put_text(fd, FRAME_CANCEL, "{\"id\":4}");
    expect(fd, FRAME_RESPONSE, CANCELLED("4"));
    expect(fd, FRAME_RESPONSE, "{\"id\":7,\"result\":{\"bytes\":7}}");
    put_text(fd, FRAME_CANCEL, "{\"id\":7}"); /* too late */
    put_text(fd, FRAME_REQUEST, USAGE("10", "endless"));
    put_text(fd, FRAME_PING, "def");
    expect(fd, FRAME_PONG, "def");
    /* Who leaves gives up the turns of all. */
    close(fd);
    fd = connect_host();
    put_text(fd, FRAME_OPEN, "{\"channel\":\"control\"}");
    expect(fd, FRAME_HELLO, "version");
    put_text(fd, FRAME_REQUEST, USAGE("11", "small"));
    expect(fd, FRAME_RESPONSE, "{\"id\":11,\"result\":{\"bytes\":7}}");
    /* What waits is bounded. */
    static char large[FRAME_MAX * 2 / 3];
    static const char *const requests[] = {USAGE("12", "endless"), USAGE("13", "endless")};
    for (int index = 0; index < 2; index++) {
        memset(large, ' ', sizeof large);
        memcpy(large, requests[index], strlen(requests[index]));
        put(fd, FRAME_REQUEST, large, sizeof large);
    }
    expect(fd, FRAME_RESPONSE, "{\"id\":13,\"error\":{\"code\":\"failed\",\"message\":\"cannot take another request");
    close(fd);
    settle();
}

/* A peer that asks and never reads is stopped, not served from ever more memory. */
static void check_unread_answers(void) {
    const int fd = connect_host();
    put_text(fd, FRAME_OPEN, "{\"channel\":\"control\"}");
    size_t sent = 0;
    uint8_t ping[FRAME_HEADER_SIZE + PING_MAX] = {0};
    frame_header(ping, FRAME_PING, PING_MAX);
    for (int idle = 0; idle < 50;) {
        const ssize_t count = send(fd, ping, sizeof ping, MSG_NOSIGNAL);
        assert(count < 0 || count == sizeof ping);
        if (count > 0)
            sent += (size_t)count, idle = 0;
        else
            idle++;
        loop_step(0);
    }
    assert(sent < 4u << 20);
    expect(fd, FRAME_HELLO, "version");
    for (size_t at = 0; at < sent; at += sizeof ping)
        expect(fd, FRAME_PONG, "");
    close(fd);
    settle();
}

static void check_bench(void) {
    int fd = connect_host();
    put_text(fd, FRAME_OPEN, "{\"channel\":\"source\",\"bytes\":1000000,\"write\":65536}");
    size_t count = 0;
    while (get(fd) && last.kind == FRAME_DATA)
        count += last.length;
    assert(count == 1000000 && last.kind == FRAME_END);
    expect_end(fd);
    fd = connect_host();
    put_text(fd, FRAME_OPEN, "{\"channel\":\"echo\"}");
    static uint8_t bytes[100000];
    for (size_t index = 0; index < sizeof bytes; index++)
        bytes[index] = (uint8_t)(index * 7);
    put(fd, FRAME_DATA, bytes, sizeof bytes);
    for (count = 0; count < sizeof bytes; count += last.length) {
        assert(get(fd) && last.kind == FRAME_DATA && count + last.length <= sizeof bytes);
        assert(memcmp(bytes + count, last.payload, last.length) == 0);
    }
    put(fd, FRAME_END, "", 0);
    expect(fd, FRAME_END, "");
    expect_end(fd);
    settle();
}

#define HOST(name, arguments) \
    "{\"channel\":\"process\",\"op\":\"run-host\",\"host\":\"" name "\",\"process\":{\"args\":" arguments "}}"

static void check_process(void) {
    int fd = connect_host();
    put_text(fd, FRAME_OPEN, HOST("a", "[\"sh\",\"-c\",\"cat; echo no >&2; exit 3\"]"));
    /* Comes before it has started, and waits. */
    put_text(fd, FRAME_STDIN, "to cat");
    put(fd, FRAME_STDIN_END, "", 0);
    expect(fd, FRAME_STARTED, "\"offsets\":{\"stdout\":0,\"stderr\":0}");
    unsigned seen = 0;
    while (get(fd)) {
        if (last.kind == FRAME_STDOUT)
            assert(strcmp((const char *)last.payload, "to cat") == 0);
        else if (last.kind == FRAME_STDERR)
            assert(strcmp((const char *)last.payload, "no\n") == 0);
        else if (last.kind == FRAME_EXITED)
            assert(strcmp((const char *)last.payload, "{\"code\":3,\"oomKilled\":false}") == 0);
        seen |= 1u << (last.kind - FRAME_STARTED);
        if (last.kind == FRAME_OUTPUT_END)
            seen |= 1u << (16 + *last.payload);
    }
    assert(seen == (1u << 2 | 1u << 3 | 1u << 4 | 1u << 8 | 1u << 17 | 1u << 18));
    close(fd);

    fd = connect_host();
    put_text(fd, FRAME_OPEN, HOST("b", "[\"/no/such\"]"));
    expect(fd, FRAME_FAILED, "{\"code\":\"not-found\",\"message\":\"executable file not found in $PATH\"}");
    expect_end(fd);

    fd = connect_host();
    put_text(fd, FRAME_OPEN, HOST("a", "[\"true\"]"));
    expect(fd, FRAME_FAILED, "\"exists\"");
    expect_end(fd);
    settle();
}

/* The stream breaks, the process lives on, and nothing of its output is lost. */
static void check_attach(void) {
    int fd = connect_host();
    put_text(fd, FRAME_OPEN, HOST("c", "[\"sh\",\"-c\",\"i=0; while [ $i -lt 30000 ]; do echo $i; i=$((i+1)); done\"]"));
    expect(fd, FRAME_STARTED, "pid");
    char *text = malloc(1 << 20);
    size_t length = 0;
    while (length < 20000) {
        assert(get(fd) && last.kind == FRAME_STDOUT);
        memcpy(text + length, last.payload, last.length);
        length += last.length;
    }
    close(fd);
    for (int round = 0; round < 20; round++)
        loop_step(5);
    char open[200];
    for (int turn = 0; turn < 2; turn++) {
        fd = connect_host();
        snprintf(open, sizeof open,
                 "{\"channel\":\"process\",\"op\":\"attach\",\"process\":{\"host\":\"c\"},\"offsets\":{\"stdout\":%zu}}",
                 length);
        put_text(fd, FRAME_OPEN, open);
        snprintf(open, sizeof open, "\"offsets\":{\"stdout\":%zu,\"stderr\":0}", length);
        expect(fd, FRAME_STARTED, open);
        while (get(fd)) {
            if (last.kind != FRAME_STDOUT)
                continue;
            memcpy(text + length, last.payload, last.length);
            length += last.length;
        }
        close(fd);
    }
    size_t at = 0;
    for (int number = 0; number < 30000; number++) {
        const int width = snprintf(open, sizeof open, "%d\n", number);
        assert(at + (size_t)width <= length && memcmp(text + at, open, (size_t)width) == 0);
        at += (size_t)width;
    }
    assert(at == length);
    free(text);
    fd = connect_host();
    put_text(fd, FRAME_OPEN,
             "{\"channel\":\"process\",\"op\":\"attach\",\"process\":{\"host\":\"c\"},\"offsets\":{\"stdout\":999999999}}");
    expect(fd, FRAME_FAILED, "\"invalid\"");
    expect_end(fd);
    settle();
}

static int connect_guest(void) {
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = RELAY_DOCKER_CLI};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert(connect(fd, (const struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

static void check_relay(void) {
    const int control = connect_host();
    put_text(control, FRAME_OPEN, "{\"channel\":\"control\"}");
    expect(control, FRAME_HELLO, "");
    const int guest = connect_guest();
    expect(control, FRAME_EVENT, "{\"event\":\"connection\",\"connection\":1,\"service\":\"docker-cli\"}");
    const int host = connect_host();
    put_text(host, FRAME_OPEN, "{\"channel\":\"accept\",\"connection\":1}");
    push(guest, "question", 8);
    expect(host, FRAME_DATA, "question");
    assert(shutdown(guest, SHUT_WR) == 0);
    expect(host, FRAME_END, "");
    put_text(host, FRAME_DATA, "answer");
    put(host, FRAME_END, "", 0);
    uint8_t answer[6];
    assert(pull(guest, answer, sizeof answer) && memcmp(answer, "answer", 6) == 0);
    assert(!pull(guest, answer, 1));
    close(guest);
    expect_end(host);
    const int unknown = connect_host();
    put_text(unknown, FRAME_OPEN, "{\"channel\":\"accept\",\"connection\":1}");
    expect_end(unknown);
    close(control);
    settle();
}

static void check_archive(void) {
    int fd = connect_host();
    put_text(fd, FRAME_OPEN, "{\"channel\":\"archive\",\"op\":\"files\",\"files\":{\"host\":true},\"path\":\"tests\",\"name\":\"t\"}");
    expect(fd, FRAME_STARTED, "\"stat\":{\"mode\":1");
    size_t length = 0;
    while (get(fd) && last.kind == FRAME_DATA)
        length += last.length;
    assert(last.kind == FRAME_END && length > 20000 && length % 512 == 0);
    expect_end(fd);
    fd = connect_host();
    put_text(fd, FRAME_OPEN, "{\"channel\":\"archive\",\"op\":\"stat\",\"files\":{\"host\":true},\"path\":\"no/such\"}");
    expect(fd, FRAME_FAILED, "\"code\":\"no-path\"");
    expect_end(fd);
    fd = connect_host();
    put_text(fd, FRAME_OPEN, "{\"channel\":\"archive\",\"op\":\"layer\"}");
    expect(fd, FRAME_FAILED, "\"code\":\"invalid\"");
    expect_end(fd);
    /* Much more comes than is read, as what is read is no archive. */
    static char garbage[FRAME_MAX];
    memset(garbage, 'x', sizeof garbage);
    fd = connect_host();
    put_text(fd, FRAME_OPEN, "{\"channel\":\"extract\",\"files\":{\"host\":true},\"path\":\"tests\"}");
    uint8_t header[FRAME_HEADER_SIZE];
    frame_header(header, FRAME_DATA, sizeof garbage);
    push(fd, header, sizeof header);
    for (ssize_t sent = 0; sent >= 0 || errno == EAGAIN;) {
        loop_step(10);
        sent = send(fd, garbage, sizeof garbage / 16, MSG_NOSIGNAL);
    }
    expect(fd, FRAME_FAILED, "invalid tar header");
    expect_end(fd);
    /* One who leaves in the middle. */
    fd = connect_host();
    put_text(fd, FRAME_OPEN, "{\"channel\":\"archive\",\"op\":\"files\",\"files\":{\"host\":true},\"path\":\".\",\"name\":\"all\"}");
    expect(fd, FRAME_STARTED, "stat");
    close(fd);
    settle();
}

int main(void) {
    stand_in_open();
    check_control();
    check_tasks();
    check_unread_answers();
    check_bench();
    check_process();
    check_attach();
    check_relay();
    check_archive();
    puts("sessions: passed");
    return 0;
}
