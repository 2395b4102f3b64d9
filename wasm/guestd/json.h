/* JSON (RFC 8259), bounded: text ≤ 1 MiB, depth ≤ 64, memory ≤ 16 MiB a document. Strings are UTF-8 without NUL, so
 * that every one of them is a C string. Values live in the document's arena and are constant. */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_SIZE_MAX (1u << 20)
#define JSON_DEPTH_MAX 64
#define JSON_ARENA_MAX (16u << 20)

enum json_type { JSON_NULL, JSON_BOOLEAN, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_value {
    enum json_type type;
    const char *name;              /* of a member of an object, else NULL */
    const struct json_value *next; /* next item or member of the same parent, or NULL */
    union {
        bool boolean;
        double number;
        struct {
            const char *text;
            size_t length;
        } string;
        const struct json_value *first; /* of an array or object; NULL when empty */
    };
};

struct json_document {
    const struct json_value *root;
    struct json_block *blocks; /* the arena */
    size_t size;
};

/* Parse text. Returns 0, -EINVAL (not JSON, or not UTF-8), -E2BIG (a bound of the above), -ENOMEM. On failure the document
 * is empty. Free it in either case. */
int json_parse(const char *text, size_t length, struct json_document *document);
void json_free(struct json_document *document);

/* All of these take NULL and values of another type, and then answer as if the value were absent. */
const struct json_value *json_get(const struct json_value *object, const char *name); /* the last, if named twice */
const struct json_value *json_first(const struct json_value *array_or_object);
size_t json_count(const struct json_value *array_or_object);
const char *json_text(const struct json_value *string, const char *otherwise);
bool json_is_true(const struct json_value *boolean);
/* Rounded towards zero, held within the range. */
int64_t json_integer(const struct json_value *number, int64_t otherwise);
uint64_t json_unsigned(const struct json_value *number, uint64_t otherwise);

#endif
