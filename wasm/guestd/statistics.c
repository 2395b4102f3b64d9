#define _GNU_SOURCE
#include "statistics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "failure.h"
#include "files.h"
#include "json-writer.h"
#include "net.h"

#define CGROUPS "/sys/fs/cgroup/"

/* A number of a one-line file; `max` and what can't be read are null. */
static void put_number(struct json_writer *json, int directory, const char *name, const char *file) {
    char text[64];
    json_name(json, name);
    if (file_read(directory, file, text, sizeof text) > 0 && *text >= '0' && *text <= '9')
        json_put_unsigned(json, strtoull(text, NULL, 10));
    else
        json_put_null(json);
}

/* A number that is always there; 0 where the kernel doesn't count it. */
static void put_count(struct json_writer *json, int directory, const char *name, const char *file) {
    char text[64];
    json_name(json, name);
    json_put_unsigned(json, file_read(directory, file, text, sizeof text) > 0 ? strtoull(text, NULL, 10) : 0);
}

/* A file of lines `name number`, as an object. */
static void put_table(struct json_writer *json, int directory, const char *name, const char *file) {
    char text[8192];
    json_name(json, name);
    json_open_object(json);
    if (file_read(directory, file, text, sizeof text) > 0) {
        char *rest = NULL;
        for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
            char *number = strchr(line, ' ');
            if (number == NULL)
                continue;
            *number++ = '\0';
            json_name(json, line);
            json_put_unsigned(json, strtoull(number, NULL, 10));
        }
    }
    json_close_object(json);
}

/* Sums over the devices of io.stat. */
static void put_io(struct json_writer *json, int directory) {
    char text[4096];
    uint64_t read = 0, written = 0;
    if (file_read(directory, "io.stat", text, sizeof text) > 0) {
        char *rest = NULL;
        for (char *word = strtok_r(text, " \n", &rest); word != NULL; word = strtok_r(NULL, " \n", &rest)) {
            if (strncmp(word, "rbytes=", 7) == 0)
                read += strtoull(word + 7, NULL, 10);
            else if (strncmp(word, "wbytes=", 7) == 0)
                written += strtoull(word + 7, NULL, 10);
        }
    }
    json_name(json, "io");
    json_open_object(json);
    json_name(json, "readBytes");
    json_put_unsigned(json, read);
    json_name(json, "writeBytes");
    json_put_unsigned(json, written);
    json_close_object(json);
}

/* All the time that the guest's processors have spent, idle or not, in microseconds. /proc/stat has it by ticks, of which
 * a busy emulator loses some. */
static uint64_t system_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const uint64_t passed = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    return passed * (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
}

int statistics_put(const char *cgroup, const char *container, struct json_writer *json, struct failure *failure) {
    char path[400];
    snprintf(path, sizeof path, CGROUPS "%s", cgroup);
    cleanup_close int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return fail_errno(failure, errno, "cgroup");
    json_open_object(json);
    json_name(json, "memory");
    json_open_object(json);
    put_count(json, directory, "current", "memory.current");
    put_count(json, directory, "peak", "memory.peak");
    put_number(json, directory, "max", "memory.max");
    put_table(json, directory, "stat", "memory.stat");
    put_table(json, directory, "events", "memory.events");
    json_close_object(json);
    put_table(json, directory, "cpu", "cpu.stat");
    json_name(json, "systemCpuUsec");
    json_put_unsigned(json, system_time());
    json_name(json, "pids");
    json_open_object(json);
    put_count(json, directory, "current", "pids.current");
    put_number(json, directory, "max", "pids.max");
    json_close_object(json);
    put_io(json, directory);
    json_name(json, "networks");
    net_put_statistics(container, json);
    json_close_object(json);
    return 0;
}
