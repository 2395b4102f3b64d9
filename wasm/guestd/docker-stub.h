/* The `docker` command of the host root: a stub that lends its terminal, descriptors, files and signals to the CLI on the
 * host, over src/core/stub-protocol.ts. */
#ifndef DOCKER_STUB_H
#define DOCKER_STUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum stub_frame {
    STUB_INVOKE = 0x30,
    STUB_STDIN = 0x31,
    STUB_STDIN_END = 0x32,
    STUB_SIGNAL = 0x33,
    STUB_RESIZE = 0x34,
    STUB_REPLY = 0x35,
    STUB_FILE_DATA = 0x36,
    STUB_STDOUT = 0x40,
    STUB_STDERR = 0x41,
    STUB_PULL = 0x42,
    STUB_RAW_MODE = 0x43,
    STUB_EXIT = 0x44,
    STUB_FILE = 0x45,
    STUB_FILE_CONTENT = 0x46,
};

struct json_writer;

/* docker-stub.c */
/* Send a frame; the command ends when the host is gone. */
void stub_send(uint8_t kind, const void *payload, size_t length);
void stub_send_json(uint8_t kind, struct json_writer *json);
/* Wait until poll events come on fd; signals are taken meanwhile. */
void stub_wait(int fd, short events);
_Noreturn __attribute__((format(printf, 1, 2))) void stub_die(const char *format, ...);

/* docker-stub-terminal.c */
/* Make the terminal on stdin raw, or put it back. In the background it waits until the command comes to the front. */
void stub_terminal_set_raw(bool raw);
/* Put the terminal back, stop as SIGTSTP asks, and go on when continued. */
void stub_terminal_stop(void);
/* Continued: raw again, if it was. */
void stub_terminal_continue(void);
void stub_terminal_size(uint16_t *columns, uint16_t *rows);

/* docker-stub-files.c */
void stub_files_request(const uint8_t *payload, size_t length);
void stub_files_content(const uint8_t *payload, size_t length);

#endif
