/* frame.c and base64.c: the golden frames that the host's tests read too, and what is refused. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base64.h"
#include "../frame.h"
#include "../json.h"

static const struct {
    const char *name;
    uint8_t kind;
} kinds[] = {
    {"open", FRAME_OPEN},           {"hello", FRAME_HELLO},   {"request", FRAME_REQUEST},
    {"response", FRAME_RESPONSE},   {"event", FRAME_EVENT},   {"cancel", FRAME_CANCEL},
    {"ping", FRAME_PING},           {"pong", FRAME_PONG},     {"started", FRAME_STARTED},
    {"failed", FRAME_FAILED},       {"stdout", FRAME_STDOUT}, {"stderr", FRAME_STDERR},
    {"output-end", FRAME_OUTPUT_END}, {"stdin", FRAME_STDIN}, {"stdin-end", FRAME_STDIN_END},
    {"exited", FRAME_EXITED},       {"data", FRAME_DATA},     {"end", FRAME_END},
};

static uint8_t kind_of(const char *name) {
    for (size_t index = 0; index < sizeof kinds / sizeof *kinds; index++)
        if (strcmp(kinds[index].name, name) == 0)
            return kinds[index].kind;
    fprintf(stderr, "no such kind: %s\n", name);
    abort();
}

/* In a block of its exact size, so that the sanitizer sees any read beyond it. */
static uint8_t *unhex(const char *text, size_t *length) {
    *length = strlen(text) / 2;
    uint8_t *bytes = malloc(*length + (*length == 0));
    for (size_t index = 0; index < *length; index++) {
        unsigned byte;
        assert(sscanf(text + 2 * index, "%2x", &byte) == 1);
        bytes[index] = (uint8_t)byte;
    }
    return bytes;
}

static void read_document(const char *folder, const char *name, struct json_document *document) {
    char path[4096];
    static char text[JSON_SIZE_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    const size_t length = fread(text, 1, sizeof text, file);
    fclose(file);
    assert(json_parse(text, length, document) == 0);
}

static bool equal(const struct json_value *left, const struct json_value *right) {
    if (left == NULL || right == NULL || left->type != right->type)
        return false;
    switch (left->type) {
    case JSON_BOOLEAN:
        return left->boolean == right->boolean;
    case JSON_NUMBER:
        return left->number >= right->number && left->number <= right->number;
    case JSON_STRING:
        return strcmp(json_text(left, ""), json_text(right, "")) == 0;
    case JSON_ARRAY:
    case JSON_OBJECT:
        if (json_count(left) != json_count(right))
            return false;
        for (const struct json_value *a = json_first(left), *b = json_first(right); a != NULL; a = a->next, b = b->next)
            if (!equal(a, left->type == JSON_OBJECT ? json_get(right, a->name) : b))
                return false;
        return true;
    default:
        return true;
    }
}

/* Read a frame that comes `step` bytes at a time; its payload is put together. */
static size_t read_frame(const uint8_t *bytes, size_t length, size_t step, uint8_t *payload, uint8_t *kind) {
    struct frame_reader reader = {0};
    size_t start = 0, end = 0, collected = 0;
    bool begun = false;
    while (start < length) {
        end = end + step < length ? end + step : length;
        uint8_t *window = malloc(end - start + (end == start));
        memcpy(window, bytes + start, end - start);
        struct frame frame;
        size_t needed = 0;
        const int found = frame_peek(&reader, window, end - start, &frame, &needed);
        assert(found >= 0);
        if (found == 0) {
            assert(needed > end - start && end < length);
        } else {
            assert(frame.first == !begun);
            begun = true;
            *kind = frame.kind;
            memcpy(payload + collected, frame.payload, frame.length);
            collected += frame.length;
            start += frame_advance(&reader, &frame, frame.length, frame.first ? frame_length(window) : 0);
        }
        free(window);
    }
    assert(reader.left == 0 && begun);
    return collected;
}

static void check_golden(const struct json_value *entry) {
    size_t length, expected_length = 0;
    uint8_t *bytes = unhex(json_text(json_get(entry, "bytesHex"), ""), &length);
    uint8_t *payload = malloc(length);
    for (size_t step = 1; step <= length; step = step < 16 ? step + 1 : step * 2) {
        uint8_t kind = 0;
        const size_t count = read_frame(bytes, length, step, payload, &kind);
        assert(kind == kind_of(json_text(json_get(entry, "kind"), "")));
        const char *hex = json_text(json_get(entry, "payloadHex"), NULL);
        if (hex != NULL) {
            uint8_t *expected = unhex(hex, &expected_length);
            assert(count == expected_length && memcmp(payload, expected, count) == 0);
            free(expected);
        } else {
            struct json_document document;
            assert(json_parse((const char *)payload, count, &document) == 0);
            assert(equal(document.root, json_get(entry, "json")));
            json_free(&document);
        }
        uint8_t header[FRAME_HEADER_SIZE];
        frame_header(header, kind, count);
        assert(memcmp(header, bytes, sizeof header) == 0);
    }
    free(payload);
    free(bytes);
}

static void check_refused(const struct json_value *entry) {
    size_t length, needed;
    uint8_t *bytes = unhex(json_text(json_get(entry, "bytesHex"), ""), &length);
    const struct frame_reader reader = {0};
    struct frame frame;
    if (frame_peek(&reader, bytes, length, &frame, &needed) != -EPROTO) {
        fprintf(stderr, "not refused: %s\n", json_text(json_get(entry, "name"), ""));
        abort();
    }
    free(bytes);
}

static void check_base64(const char *text, const char *expected) {
    const size_t length = strlen(text);
    uint8_t *bytes = malloc(BASE64_ROOM(length) + 1);
    const long count = base64_decode(text, length, bytes);
    if (expected == NULL)
        assert(count == -EINVAL);
    else
        assert(count == (long)strlen(expected) && memcmp(bytes, expected, strlen(expected)) == 0);
    free(bytes);
}

int main(int count, char *arguments[]) {
    assert(count == 2);
    struct json_document document;
    read_document(arguments[1], "frames.json", &document);
    assert(json_count(document.root) > 20);
    for (const struct json_value *entry = json_first(document.root); entry != NULL; entry = entry->next)
        check_golden(entry);
    json_free(&document);
    read_document(arguments[1], "refused.json", &document);
    for (const struct json_value *entry = json_first(document.root); entry != NULL; entry = entry->next)
        check_refused(entry);
    json_free(&document);

    check_base64("", "");
    check_base64("Zg==", "f");
    check_base64("Zm8=", "fo");
    check_base64("Zm9v", "foo");
    check_base64("Zm9vYmFy", "foobar");
    for (const char *const *bad = (const char *const[]){"Z", "Zg", "Zg=", "Zh==", "Zm9=", "====", "Z===", "Zg==Zg==",
                                                        "Zm 9", "Zm9_", "Zm9v\n", NULL};
         *bad != NULL; bad++)
        check_base64(*bad, NULL);
    puts("codec: passed");
    return 0;
}
