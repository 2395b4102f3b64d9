/* JSON text, built in a growing buffer. Commas come by themselves; a failed allocation is remembered, so that only the
 * end needs to look. Bytes that are not UTF-8 become lone surrogates, \udc80 to \udcff (src/codec/name-bytes.ts). */
#ifndef JSON_WRITER_H
#define JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_writer {
    char *text; /* belongs to the writer; not ended by NUL */
    size_t length, room;
    bool failed;
    bool comma; /* the next value or name is preceded by one */
};

void json_open_object(struct json_writer *writer);
void json_close_object(struct json_writer *writer);
void json_open_array(struct json_writer *writer);
void json_close_array(struct json_writer *writer);
/* Name of the member whose value comes next. */
void json_name(struct json_writer *writer, const char *name);
void json_put_text(struct json_writer *writer, const char *text);
void json_put_bytes(struct json_writer *writer, const char *text, size_t length);
void json_put_integer(struct json_writer *writer, int64_t number);
void json_put_unsigned(struct json_writer *writer, uint64_t number);
/* With three decimals. */
void json_put_decimal(struct json_writer *writer, double number);
void json_put_boolean(struct json_writer *writer, bool boolean);
void json_put_null(struct json_writer *writer);
/* Forget the text and any failure, keep the buffer. */
void json_writer_reset(struct json_writer *writer);
void json_writer_free(struct json_writer *writer);

#endif
