#include "json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

struct json_block {
    struct json_block *next;
    size_t used, size;
    _Alignas(8) char bytes[];
};

struct parser {
    const char *at, *end;
    struct json_document *document;
};

static void *take(struct json_document *document, size_t size) {
    size = (size + 7) & ~(size_t)7;
    struct json_block *block = document->blocks;
    if (block == NULL || block->size - block->used < size) {
        size_t room = size > 4096 - sizeof *block ? size : 4096 - sizeof *block;
        if (document->size + room > JSON_ARENA_MAX)
            return NULL;
        block = malloc(sizeof *block + room);
        if (block == NULL)
            return NULL;
        *block = (struct json_block){.next = document->blocks, .size = room};
        document->blocks = block;
        document->size += room;
    }
    void *memory = block->bytes + block->used;
    block->used += size;
    return memory;
}

static void skip_space(struct parser *parser) {
    while (parser->at < parser->end &&
           (*parser->at == ' ' || *parser->at == '\t' || *parser->at == '\n' || *parser->at == '\r'))
        parser->at++;
}

static bool accept(struct parser *parser, char wanted) {
    if (parser->at == parser->end || *parser->at != wanted)
        return false;
    parser->at++;
    return true;
}

static int hex4(struct parser *parser, uint32_t *value) {
    if (parser->end - parser->at < 4)
        return -EINVAL;
    *value = 0;
    for (int i = 0; i < 4; i++) {
        char c = *parser->at++;
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (uint32_t)((c | 0x20) - 'a' + 10);
        else
            return -EINVAL;
        *value = *value << 4 | digit;
    }
    return 0;
}

static int unicode_escape(struct parser *parser, char **out) {
    uint32_t character, low;
    if (hex4(parser, &character) < 0 || character == 0)
        return -EINVAL;
    /* A byte of a file's name that is no UTF-8. None of these is a zero or a slash. */
    if (character >= 0xdc80 && character <= 0xdcff) {
        *(*out)++ = (char)(character - 0xdc00);
        return 0;
    }
    if (character >= 0xd800 && character <= 0xdbff) {
        if (!accept(parser, '\\') || !accept(parser, 'u') || hex4(parser, &low) < 0 || low < 0xdc00 || low > 0xdfff)
            return -EINVAL;
        character = 0x10000 + ((character - 0xd800) << 10) + (low - 0xdc00);
    }
    size_t length = utf8_encode(character, *out);
    *out += length;
    return length == 0 ? -EINVAL : 0;
}

static int escape(struct parser *parser, char **out) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (parser->at == parser->end)
        return -EINVAL;
    char c = *parser->at++;
    if (c == 'u')
        return unicode_escape(parser, out);
    const char *found = c == '\0' ? NULL : strchr(from, c);
    if (found == NULL)
        return -EINVAL;
    *(*out)++ = to[found - from];
    return 0;
}

static bool is_plain(char character) {
    return (unsigned char)character >= 0x20 && (unsigned char)character < 0x80 && character != '\\';
}

/* How many characters from here on are plain: four at a time, as some texts are long. A word has a byte below N when
 * subtracting N from each borrows into a bit that was not set. */
static size_t count_plain(const char *text, size_t length) {
    const uint32_t ones = 0x01010101u, high = 0x80808080u;
    size_t count = 0;
    for (uint32_t word; length - count >= sizeof word; count += sizeof word) {
        memcpy(&word, text + count, sizeof word);
        const uint32_t slashes = word ^ ones * '\\';
        const uint32_t control = (word - ones * 0x20) & ~word, slash = (slashes - ones) & ~slashes;
        if (((control | slash | word) & high) != 0)
            break;
    }
    while (count < length && is_plain(text[count]))
        count++;
    return count;
}

/* The quote that ends a string, or NULL. */
static const char *find_close(const char *at, const char *end) {
    const char *quote = memchr(at, '"', (size_t)(end - at));
    if (quote == NULL || memchr(at, '\\', (size_t)(quote - at)) == NULL)
        return quote;
    while (at < end && *at != '"')
        at += *at == '\\' ? 2 : 1;
    return at < end ? at : NULL;
}

/* After the opening quote. An escape is never shorter than what it stands for. */
static int parse_string(struct parser *parser, const char **text, size_t *length) {
    const char *close = find_close(parser->at, parser->end);
    if (close == NULL)
        return -EINVAL;
    char *start = take(parser->document, (size_t)(close - parser->at) + 1), *out = start;
    if (start == NULL)
        return -E2BIG;
    while (parser->at < close) {
        if (*parser->at == '\\') {
            parser->at++;
            if (escape(parser, &out) < 0)
                return -EINVAL;
            continue;
        }
        /* Most text is plain, and some of it long: in one piece. */
        size_t step = count_plain(parser->at, (size_t)(close - parser->at));
        if (step == 0)
            step = (unsigned char)*parser->at < 0x20 ? 0 : utf8_character(parser->at, (size_t)(close - parser->at));
        if (step == 0)
            return -EINVAL;
        memcpy(out, parser->at, step);
        out += step;
        parser->at += step;
    }
    if (parser->at != close)
        return -EINVAL;
    parser->at = close + 1;
    *out = '\0';
    *text = start;
    *length = (size_t)(out - start);
    return 0;
}

static size_t digits(const char *at, const char *end) {
    size_t count = 0;
    while (at + count < end && at[count] >= '0' && at[count] <= '9')
        count++;
    return count;
}

static int parse_number(struct parser *parser, double *number) {
    const char *at = parser->at, *end = parser->end;
    char copy[64];
    if (at < end && *at == '-')
        at++;
    size_t whole = digits(at, end);
    if (whole == 0 || (whole > 1 && *at == '0'))
        return -EINVAL;
    at += whole;
    if (at < end && *at == '.') {
        size_t fraction = digits(at + 1, end);
        if (fraction == 0)
            return -EINVAL;
        at += 1 + fraction;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        size_t exponent = digits(at, end);
        if (exponent == 0)
            return -EINVAL;
        at += exponent;
    }
    size_t length = (size_t)(at - parser->at);
    if (length >= sizeof copy)
        return -E2BIG;
    memcpy(copy, parser->at, length);
    copy[length] = '\0';
    parser->at = at;
    *number = strtod(copy, NULL);
    return isfinite(*number) ? 0 : -E2BIG;
}

static int parse_word(struct parser *parser, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(parser->end - parser->at) < length || memcmp(parser->at, word, length) != 0)
        return -EINVAL;
    parser->at += length;
    return 0;
}

static int parse_value(struct parser *parser, int depth, struct json_value *value);

static int parse_children(struct parser *parser, int depth, char close, const struct json_value **first) {
    const struct json_value **link = first;
    skip_space(parser);
    if (accept(parser, close))
        return 0;
    for (;;) {
        struct json_value *child = take(parser->document, sizeof *child);
        if (child == NULL)
            return -E2BIG;
        *child = (struct json_value){.type = JSON_NULL};
        skip_space(parser);
        if (close == '}') {
            size_t length;
            if (!accept(parser, '"'))
                return -EINVAL;
            int error = parse_string(parser, &child->name, &length);
            if (error < 0)
                return error;
            skip_space(parser);
            if (!accept(parser, ':'))
                return -EINVAL;
        }
        int error = parse_value(parser, depth, child);
        if (error < 0)
            return error;
        *link = child;
        link = &child->next;
        skip_space(parser);
        if (accept(parser, close))
            return 0;
        if (!accept(parser, ','))
            return -EINVAL;
    }
}

static int parse_value(struct parser *parser, int depth, struct json_value *value) {
    skip_space(parser);
    if (parser->at == parser->end)
        return -EINVAL;
    char c = *parser->at;
    switch (c) {
    case '{':
    case '[':
        if (depth == JSON_DEPTH_MAX)
            return -E2BIG;
        parser->at++;
        value->type = c == '{' ? JSON_OBJECT : JSON_ARRAY;
        return parse_children(parser, depth + 1, c == '{' ? '}' : ']', &value->first);
    case '"':
        parser->at++;
        value->type = JSON_STRING;
        return parse_string(parser, &value->string.text, &value->string.length);
    case 't':
    case 'f':
        value->type = JSON_BOOLEAN;
        value->boolean = c == 't';
        return parse_word(parser, c == 't' ? "true" : "false");
    case 'n':
        return parse_word(parser, "null");
    default:
        value->type = JSON_NUMBER;
        return parse_number(parser, &value->number);
    }
}

int json_parse(const char *text, size_t length, struct json_document *document) {
    *document = (struct json_document){.root = NULL};
    if (length > JSON_SIZE_MAX)
        return -E2BIG;
    struct parser parser = {.at = text, .end = text + length, .document = document};
    struct json_value *root = take(document, sizeof *root);
    if (root == NULL)
        return -ENOMEM;
    *root = (struct json_value){.type = JSON_NULL};
    int error = parse_value(&parser, 0, root);
    skip_space(&parser);
    if (error == 0 && parser.at != parser.end)
        error = -EINVAL;
    if (error < 0)
        json_free(document);
    else
        document->root = root;
    return error;
}

void json_free(struct json_document *document) {
    for (struct json_block *block = document->blocks; block != NULL;) {
        struct json_block *next = block->next;
        free(block);
        block = next;
    }
    *document = (struct json_document){.root = NULL};
}

const struct json_value *json_first(const struct json_value *value) {
    return value != NULL && (value->type == JSON_ARRAY || value->type == JSON_OBJECT) ? value->first : NULL;
}

const struct json_value *json_get(const struct json_value *object, const char *name) {
    const struct json_value *found = NULL;
    if (object != NULL && object->type == JSON_OBJECT)
        for (const struct json_value *member = object->first; member != NULL; member = member->next)
            if (strcmp(member->name, name) == 0)
                found = member;
    return found;
}

size_t json_count(const struct json_value *value) {
    size_t count = 0;
    for (const struct json_value *child = json_first(value); child != NULL; child = child->next)
        count++;
    return count;
}

const char *json_text(const struct json_value *string, const char *otherwise) {
    return string != NULL && string->type == JSON_STRING ? string->string.text : otherwise;
}

bool json_is_true(const struct json_value *boolean) {
    return boolean != NULL && boolean->type == JSON_BOOLEAN && boolean->boolean;
}

int64_t json_integer(const struct json_value *number, int64_t otherwise) {
    if (number == NULL || number->type != JSON_NUMBER)
        return otherwise;
    if (number->number >= 0x1p63)
        return INT64_MAX;
    if (number->number <= -0x1p63)
        return INT64_MIN;
    return (int64_t)number->number;
}

uint64_t json_unsigned(const struct json_value *number, uint64_t otherwise) {
    if (number == NULL || number->type != JSON_NUMBER)
        return otherwise;
    if (number->number >= 0x1p64)
        return UINT64_MAX;
    return number->number <= 0 ? 0 : (uint64_t)number->number;
}
