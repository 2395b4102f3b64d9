#include "json-writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

static void append(struct json_writer *writer, const char *bytes, size_t length) {
    if (writer->failed)
        return;
    if (writer->room - writer->length < length) {
        size_t room = writer->room * 2 > 512 ? writer->room * 2 : 512;
        while (room - writer->length < length)
            room *= 2;
        char *text = realloc(writer->text, room);
        if (text == NULL) {
            writer->failed = true;
            return;
        }
        writer->text = text;
        writer->room = room;
    }
    memcpy(writer->text + writer->length, bytes, length);
    writer->length += length;
}

static void begin_value(struct json_writer *writer) {
    if (writer->comma)
        append(writer, ",", 1);
    writer->comma = true;
}

static void quoted(struct json_writer *writer, const char *text, size_t length) {
    append(writer, "\"", 1);
    while (length > 0) {
        size_t step = utf8_character(text, length);
        char escape[8];
        if (step == 0) {
            append(writer, escape, (size_t)snprintf(escape, sizeof escape, "\\udc%02x", (unsigned char)*text));
            step = 1;
        } else if (*text == '"' || *text == '\\') {
            append(writer, (char[]){'\\', *text}, 2);
        } else if ((unsigned char)*text < 0x20) {
            append(writer, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", (unsigned char)*text));
        } else {
            /* Plain characters go in one piece. */
            size_t run = step;
            while (run < length) {
                size_t more = utf8_character(text + run, length - run);
                if (more == 0 || text[run] == '"' || text[run] == '\\' || (unsigned char)text[run] < 0x20)
                    break;
                run += more;
            }
            append(writer, text, run);
            step = run;
        }
        text += step;
        length -= step;
    }
    append(writer, "\"", 1);
}

static void open_children(struct json_writer *writer, const char *bracket) {
    begin_value(writer);
    append(writer, bracket, 1);
    writer->comma = false;
}

static void close_children(struct json_writer *writer, const char *bracket) {
    append(writer, bracket, 1);
    writer->comma = true;
}

void json_open_object(struct json_writer *writer) { open_children(writer, "{"); }
void json_close_object(struct json_writer *writer) { close_children(writer, "}"); }
void json_open_array(struct json_writer *writer) { open_children(writer, "["); }
void json_close_array(struct json_writer *writer) { close_children(writer, "]"); }

void json_name(struct json_writer *writer, const char *name) {
    begin_value(writer);
    quoted(writer, name, strlen(name));
    append(writer, ":", 1);
    writer->comma = false;
}

void json_put_bytes(struct json_writer *writer, const char *text, size_t length) {
    begin_value(writer);
    quoted(writer, text, length);
}

void json_put_text(struct json_writer *writer, const char *text) { json_put_bytes(writer, text, strlen(text)); }

void json_put_integer(struct json_writer *writer, int64_t number) {
    char text[24];
    begin_value(writer);
    append(writer, text, (size_t)snprintf(text, sizeof text, "%" PRId64, number));
}

void json_put_unsigned(struct json_writer *writer, uint64_t number) {
    char text[24];
    begin_value(writer);
    append(writer, text, (size_t)snprintf(text, sizeof text, "%" PRIu64, number));
}

void json_put_decimal(struct json_writer *writer, double number) {
    char text[330];
    begin_value(writer);
    append(writer, text, (size_t)snprintf(text, sizeof text, "%.3f", number));
}

void json_put_boolean(struct json_writer *writer, bool boolean) {
    begin_value(writer);
    append(writer, boolean ? "true" : "false", boolean ? 4 : 5);
}

void json_put_null(struct json_writer *writer) {
    begin_value(writer);
    append(writer, "null", 4);
}

void json_writer_reset(struct json_writer *writer) {
    writer->length = 0;
    writer->failed = writer->comma = false;
}

void json_writer_free(struct json_writer *writer) {
    free(writer->text);
    *writer = (struct json_writer){.text = NULL};
}
