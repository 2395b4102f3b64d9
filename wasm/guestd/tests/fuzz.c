/* Hostile hosts: random and mutated bytes for the frame reader, the JSON reader, and whole sessions of guestd's channels.
 * The seed is fixed, so that a failure comes again. */
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../channel.h"
#include "../frame.h"
#include "../json.h"
#include "../loop.h"
#include "../stream.h"
#include "stand-in.h"

#define PARSER_INPUTS 200000
#define SESSIONS 60000
#define INPUT_MAX 8192

static uint64_t state = 0x9e3779b97f4a7c15;

/* xorshift64* */
static uint32_t below(uint32_t limit) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 0x2545f4914f6cdd1d) >> 33) % limit;
}

#define ID "c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ffeebeef"

static const char *const texts[] = {
    "{\"channel\":\"control\"}",
    "{\"channel\":\"echo\"}",
    "{\"channel\":\"sink\"}",
    "{\"channel\":\"source\",\"bytes\":100000,\"write\":4096}",
    "{\"channel\":\"accept\",\"connection\":1}",
    "{\"channel\":\"egress\"}",
    "{\"channel\":\"egress-accept\",\"connection\":1}",
    "{\"channel\":\"process\",\"op\":\"run\",\"container\":\"" ID "\",\"spec\":{\"process\":{\"args\":[\"true\"]}}}",
    "{\"channel\":\"process\",\"op\":\"exec\",\"container\":\"" ID "\",\"exec\":\"e\",\"process\":{\"args\":[\"true\"]}}",
    "{\"channel\":\"process\",\"op\":\"run-host\",\"host\":\"h\",\"process\":{\"args\":[\"true\"]}}",
    "{\"channel\":\"process\",\"op\":\"attach\",\"process\":{\"host\":\"h\"},\"offsets\":{\"stdout\":0,\"stderr\":0}}",
    "{\"channel\":\"process\",\"op\":\"attach\",\"process\":{\"container\":\"" ID "\"},\"offsets\":{}}",
    "{\"id\":1,\"op\":\"signal\",\"process\":{\"container\":\"" ID "\"},\"signal\":18}",
    "{\"id\":2,\"op\":\"resize\",\"process\":{\"host\":\"h\"},\"cols\":80,\"rows\":24}",
    "{\"id\":3,\"op\":\"stats\",\"container\":\"" ID "\"}",
    "{\"id\":4,\"op\":\"top\",\"container\":\"" ID "\"}",
    "{\"id\":6,\"op\":\"volume-usage\",\"volume\":\"v\"}",
    "{\"id\":5,\"op\":\"delete\",\"container\":\"" ID "\"}",
    "{\"id\":6,\"op\":\"update\",\"container\":\"" ID "\",\"resources\":{\"memoryMax\":\"max\"}}",
    "{\"id\":7,\"op\":\"list\"}",
    "{\"id\":8,\"op\":\"kernel-log\"}",
    "{\"a\":[1,-2.5e3,true,null,\"\\u00e9\\ud83d\\ude00\"],\"b\":{\"c\":{}}}",
};

static const uint8_t kinds[] = {FRAME_OPEN,  FRAME_REQUEST, FRAME_CANCEL,    FRAME_PING,  FRAME_STDIN,
                                FRAME_DATA,  FRAME_END,     FRAME_STDIN_END, FRAME_HELLO, FRAME_EXITED,
                                FRAME_REFUSE};

static const char *some_text(void) {
    return texts[below(sizeof texts / sizeof *texts)];
}

/* A few small changes: bytes, cuts, repetitions. */
static size_t mutate(uint8_t *bytes, size_t length, size_t room) {
    for (uint32_t count = below(5); count > 0 && length > 0; count--) {
        const size_t at = below((uint32_t)length);
        const size_t span = 1 + below(16) < length - at ? 1 + below(16) : length - at;
        switch (below(6)) {
        case 0:
            bytes[at] = (uint8_t)below(256);
            break;
        case 1:
            bytes[at] ^= (uint8_t)(1u << below(8));
            break;
        case 2:
            bytes[at] = (uint8_t)"{}[]\",:\\0e-."[below(12)];
            break;
        case 3:
            length = at;
            break;
        case 4:
            if (length - at >= span) {
                memmove(bytes + at, bytes + at + span, length - at - span);
                length -= span;
            }
            break;
        default:
            if (length + span <= room && length - at >= span) {
                memmove(bytes + at + span, bytes + at, length - at);
                length += span;
            }
        }
    }
    return length;
}

static void fuzz_json(const uint8_t *bytes, size_t length) {
    uint8_t *copy = malloc(length + (length == 0));
    memcpy(copy, bytes, length);
    struct json_document document;
    json_parse((const char *)copy, length, &document);
    json_free(&document);
    free(copy);
}

/* Frames out of any bytes: never beyond what is there, always an end. */
static void fuzz_frames(const uint8_t *bytes, size_t length) {
    uint8_t *copy = malloc(length + (length == 0));
    memcpy(copy, bytes, length);
    struct frame_reader reader = {0};
    size_t at = 0;
    for (;;) {
        struct frame frame;
        size_t needed = 0;
        const int found = frame_peek(&reader, copy + at, length - at, &frame, &needed);
        if (found <= 0) {
            assert(found == -EPROTO || needed > length - at);
            break;
        }
        assert(frame.payload >= copy && frame.payload + frame.length <= copy + length);
        const size_t taken = frame.length > 0 ? 1 + below((uint32_t)frame.length) : 0;
        /* Only pieces may be taken in part. */
        const bool pieces = frame.kind == FRAME_STDIN || frame.kind == FRAME_DATA;
        at += frame_advance(&reader, &frame, pieces ? taken : frame.length,
                            frame.first ? frame_length(copy + at) : 0);
        assert(at <= length);
    }
    free(copy);
}

static size_t some_frame(uint8_t *bytes, uint8_t kind) {
    const char *text = below(8) == 0 ? "" : some_text();
    size_t length = strlen(text);
    if (kind == FRAME_PING && length > PING_MAX)
        length = PING_MAX;
    if (kind == FRAME_END || kind == FRAME_STDIN_END)
        length = 0;
    memcpy(bytes + FRAME_HEADER_SIZE, text, length);
    if (below(3) == 0)
        length = mutate(bytes + FRAME_HEADER_SIZE, length, 1024);
    frame_header(bytes, kind, length);
    return FRAME_HEADER_SIZE + length;
}

static size_t some_stream(uint8_t *bytes) {
    size_t length = 0;
    for (uint32_t count = 1 + below(6); count > 0 && length < INPUT_MAX - 2048; count--)
        length += some_frame(bytes + length, count > 4 || length == 0 ? FRAME_OPEN : kinds[below(sizeof kinds)]);
    return below(4) == 0 ? mutate(bytes, length, INPUT_MAX) : length;
}

static void fuzz_session(const uint8_t *bytes, size_t length) {
    int pair[2];
    assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    channel_accept(pair[1]);
    const bool reads = below(3) > 0;
    for (size_t at = 0; at < length;) {
        size_t step = 1 + below(INPUT_MAX);
        if (step > length - at)
            step = length - at;
        const ssize_t sent = send(pair[0], bytes + at, step, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            break;
        if (sent > 0)
            at += (size_t)sent;
        loop_step(0);
        uint8_t answer[4096];
        if (reads && recv(pair[0], answer, sizeof answer, 0) == 0)
            break;
        if (sent < 0 && !reads)
            break;
    }
    if (below(2) == 0)
        shutdown(pair[0], SHUT_WR);
    loop_step(0);
    close(pair[0]);
    loop_step(0);
}

int main(void) {
    static uint8_t bytes[INPUT_MAX + 2048];
    const time_t began = time(NULL);
    stand_in_executes = false;
    stand_in_open();
    for (int input = 0; input < PARSER_INPUTS; input++) {
        size_t length;
        if (below(4) == 0) {
            length = below(256);
            for (size_t index = 0; index < length; index++)
                bytes[index] = (uint8_t)below(256);
        } else {
            length = some_stream(bytes);
        }
        fuzz_frames(bytes, length);
        const char *text = some_text();
        length = strlen(text);
        memcpy(bytes, text, length);
        fuzz_json(bytes, mutate(bytes, length, INPUT_MAX));
    }
    for (int session = 0; session < SESSIONS; session++)
        fuzz_session(bytes, some_stream(bytes));
    for (int round = 0; round < 100; round++)
        loop_step(1);
    assert(stream_count() == 0);
    printf("fuzz: %d inputs, %d sessions, %ld s\n", 2 * PARSER_INPUTS, SESSIONS, (long)(time(NULL) - began));
    return 0;
}
