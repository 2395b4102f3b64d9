#define _GNU_SOURCE
#include "failure.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "json-writer.h"

const char *error_text(int error, char *buffer, size_t size) {
    const char *text = strerrordesc_np(error);
    snprintf(buffer, size, "%s", text == NULL ? "unknown error" : text);
    /* "No such file", but "RPC struct is bad". */
    if (!isupper((unsigned char)buffer[1]))
        buffer[0] = (char)tolower((unsigned char)buffer[0]);
    return buffer;
}

int fail(struct failure *failure, const char *code, int error, const char *format, ...) {
    va_list arguments;
    snprintf(failure->code, sizeof failure->code, "%s", code);
    va_start(arguments, format);
    vsnprintf(failure->message, sizeof failure->message, format, arguments);
    va_end(arguments);
    return error == 0 ? -EINVAL : -error;
}

int fail_errno(struct failure *failure, int error, const char *format, ...) {
    va_list arguments;
    char text[80];
    snprintf(failure->code, sizeof failure->code, "failed");
    va_start(arguments, format);
    int length = vsnprintf(failure->message, sizeof failure->message, format, arguments);
    va_end(arguments);
    if (length >= 0 && (size_t)length < sizeof failure->message)
        snprintf(failure->message + length, sizeof failure->message - (size_t)length, ": %s",
                 error_text(error, text, sizeof text));
    return error == 0 ? -EINVAL : -error;
}

void failure_put(struct json_writer *json, const struct failure *failure) {
    json_open_object(json);
    json_name(json, "code");
    json_put_text(json, failure->code);
    json_name(json, "message");
    json_put_text(json, failure->message);
    json_close_object(json);
}
