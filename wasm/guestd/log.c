#include "log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_MAX 900

static int kernel_ring = -1;

void log_open(void) {
    kernel_ring = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
}

void log_reopen(void) {
    if (kernel_ring >= 0)
        log_open();
}

static size_t line(char text[LINE_MAX], const char *before, const char *format, va_list arguments) {
    int length = snprintf(text, LINE_MAX, "%s", before);
    length += vsnprintf(text + length, (size_t)(LINE_MAX - 1 - length), format, arguments);
    if (length > LINE_MAX - 2)
        length = LINE_MAX - 2;
    for (int index = 0; index < length; index++)
        if ((unsigned char)text[index] < 0x20)
            text[index] = ' ';
    text[length] = '\n';
    return (size_t)length + 1;
}

static void put(int fd, const char *text, size_t length) {
    /* A log that can't be written has nobody to be told to. */
    if (write(fd, text, length) < 0)
        return;
}

void log_line(const char *format, ...) {
    char text[LINE_MAX];
    va_list arguments;
    va_start(arguments, format);
    const size_t length = line(text, "<6>guestd: ", format, arguments);
    va_end(arguments);
    if (kernel_ring >= 0)
        put(kernel_ring, text, length);
}

void log_console(const char *format, ...) {
    char text[LINE_MAX];
    va_list arguments;
    va_start(arguments, format);
    const size_t length = line(text, "", format, arguments);
    va_end(arguments);
    put(STDOUT_FILENO, text, length);
}
