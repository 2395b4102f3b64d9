/* json.c and json-writer.c: what they take, what they refuse, and that the one reads what the other writes. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../json-writer.c"
#include "../json.c"
#include "../utf8.c"

/* In a block of its exact size, so that the sanitizer sees any read beyond it. */
static int parse(const char *text, size_t length, struct json_document *document) {
    char *copy = malloc(length + (length == 0));
    memcpy(copy, text, length);
    int error = json_parse(copy, length, document);
    free(copy);
    return error;
}

static void check_error(const char *text, int expected) {
    struct json_document document;
    int error = parse(text, strlen(text), &document);
    if (error != expected)
        fprintf(stderr, "%s: %d, not %d\n", text, error, expected), abort();
    assert(document.root == NULL || expected == 0);
    json_free(&document);
}

static void check_values(void) {
    static const char text[] = "{\"a\":1,\"b\":[true,false,null,-2.5e2,\"x\\n\\u00e9\\ud83d\\ude00\\\"\"],\"a\":2,"
                               "\"big\":18446744073709552000,\"\":{}} ";
    struct json_document document;
    assert(parse(text, strlen(text), &document) == 0);
    const struct json_value *root = document.root, *item = json_first(json_get(root, "b"));
    assert(json_count(root) == 5 && json_integer(json_get(root, "a"), 0) == 2);
    assert(json_unsigned(json_get(root, "big"), 0) == UINT64_MAX && json_integer(json_get(root, "big"), 0) == INT64_MAX);
    assert(json_is_true(item));
    assert(!json_is_true(item->next) && item->next->next->type == JSON_NULL);
    item = item->next->next->next;
    assert(json_integer(item, 0) == -250 && json_unsigned(item, 7) == 0);
    assert(strcmp(json_text(item->next, ""), "x\n\xc3\xa9\xf0\x9f\x98\x80\"") == 0);
    assert(json_get(root, "none") == NULL && json_first(NULL) == NULL && json_text(NULL, NULL) == NULL);
    assert(json_get(root, "")->type == JSON_OBJECT && json_first(json_get(root, "")) == NULL);
    json_free(&document);
}

/* What is not plain text, at each place of a string: such is read four bytes at a time. */
static void check_places(void) {
    static const struct {
        const char *source, *text; /* NULL: refused */
    } parts[] = {{"\\n", "\n"}, {"\\\\", "\\"}, {"\\\"", "\""}, {"\xc3\xa9", "\xc3\xa9"}, {"\x7f", "\x7f"}, {" ", " "},
                 {"\x1f", NULL}, {"\x80", NULL},    {"\xff", NULL},  {"\\x", NULL}};
    for (size_t part = 0; part < sizeof parts / sizeof *parts; part++)
        for (int before = 0; before < 10; before++)
            for (int after = 0; after < 10; after++) {
                char source[40], expected[40];
                struct json_document document;
                snprintf(source, sizeof source, "\"%.*s%s%.*s\"", before, "abcdefghi", parts[part].source, after, "jklmnopqr");
                const int error = parse(source, strlen(source), &document);
                assert(error == (parts[part].text == NULL ? -EINVAL : 0));
                if (error == 0) {
                    snprintf(expected, sizeof expected, "%.*s%s%.*s", before, "abcdefghi", parts[part].text, after, "jklmnopqr");
                    assert(strcmp(json_text(document.root, ""), expected) == 0);
                }
                json_free(&document);
            }
}

static void check_bounds(void) {
    static char text[JSON_SIZE_MAX + 1];
    struct json_document document;
    for (size_t depth = 63; depth <= 65; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert(parse(text, 2 * depth, &document) == (depth > JSON_DEPTH_MAX ? -E2BIG : 0));
        json_free(&document);
    }
    memset(text, ' ', sizeof text);
    text[0] = '1';
    assert(parse(text, JSON_SIZE_MAX, &document) == 0);
    json_free(&document);
    assert(parse(text, JSON_SIZE_MAX + 1, &document) == -E2BIG);
    for (size_t i = 0; i < JSON_SIZE_MAX; i++)
        text[i] = i == 0 ? '[' : i == JSON_SIZE_MAX - 1 ? ']' : i % 2 ? '1' : ',';
    int error = parse(text, JSON_SIZE_MAX, &document);
    assert(error == 0 || error == -E2BIG || error == -EINVAL);
    json_free(&document);
}

static void check_writer(void) {
    struct json_writer writer = {0};
    json_open_object(&writer);
    json_name(&writer, "te\"xt");
    json_put_text(&writer, "a\x01\xff\\z\xc3\xa9");
    json_name(&writer, "list");
    json_open_array(&writer);
    json_put_integer(&writer, -3);
    json_put_unsigned(&writer, UINT64_MAX);
    json_put_boolean(&writer, true);
    json_put_null(&writer);
    json_put_decimal(&writer, 1.5);
    json_close_array(&writer);
    json_name(&writer, "none");
    json_open_object(&writer);
    json_close_object(&writer);
    json_close_object(&writer);
    static const char expected[] = "{\"te\\\"xt\":\"a\\u0001\\udcff\\\\z\xc3\xa9\","
                                   "\"list\":[-3,18446744073709551615,true,null,1.500],\"none\":{}}";
    assert(!writer.failed && writer.length == strlen(expected) && memcmp(writer.text, expected, writer.length) == 0);
    struct json_document document;
    assert(parse(writer.text, writer.length, &document) == 0);
    assert(strcmp(json_text(json_get(document.root, "te\"xt"), ""), "a\x01\xff\\z\xc3\xa9") == 0);
    json_free(&document);
    json_writer_free(&writer);
}

/* Every prefix, and noise: no crash, no read beyond the end. */
static void check_noise(void) {
    static const char text[] = "{\"a\":[1.5e+3,\"\\ud83d\\ude00\xc3\xa9\",{\"b\":null}],\"c\":tru";
    static const char alphabet[] = "{}[]\",:\\u0123dead truefalsn-+.eE\xc3\xa9\xf0\x9f";
    struct json_document document;
    for (size_t length = 0; length < sizeof text; length++) {
        assert(parse(text, length, &document) < 0);
        json_free(&document);
    }
    srand(1);
    for (int round = 0; round < 200000; round++) {
        char noise[24];
        size_t length = (size_t)rand() % sizeof noise;
        for (size_t i = 0; i < length; i++)
            noise[i] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        parse(noise, length, &document);
        json_free(&document);
    }
}

int main(void) {
    static const char *const refused[] = {
        "",        "{",        "[1,]",     "{\"a\"}",     "{\"a\":1,}", "01",     "1.",     "-",        "+1",
        "tru",     "nulll",    "\"\x01\"", "\"\\x\"",     "\"\\u0000\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\",   "\"\\\"",
        "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xc3\"", "1 2", "{1:2}", "[1}", "1e"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        check_error(refused[i], -EINVAL);
    check_error("1e999", -E2BIG);
    check_error(" [ ] ", 0);
    check_error("-0.5", 0);
    check_values();
    check_places();
    check_bounds();
    check_writer();
    check_noise();
    return 0;
}
