#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "cleanup.h"
#include "failure.h"
#include "files.h"
#include "json-writer.h"
#include "statistics.h"

#define USER_HZ 100
/* A container may make cgroups below its own. */
#define DEPTH_MAX 8
#define PROCESSES_MAX 4096

/* Seconds since 1970 at which the guest started. */
static uint64_t boot_time(void) {
    char text[8192];
    if (file_read(AT_FDCWD, "/proc/stat", text, sizeof text) <= 0)
        return 0;
    const char *found = strstr(text, "\nbtime ");
    return found == NULL ? 0 : strtoull(found + strlen("\nbtime "), NULL, 10);
}

static void put_terminal(struct json_writer *json, unsigned device) {
    char text[24] = "?";
    /* Unix98 terminals: majors 136 to 143, 256 minors each as ps counts them. */
    if (major(device) >= 136 && major(device) <= 143)
        snprintf(text, sizeof text, "pts/%u", (major(device) - 136) * 256 + minor(device));
    json_name(json, "tty");
    json_put_text(json, text);
}

static void put_command(struct json_writer *json, int directory, const char *name) {
    char text[4096];
    ssize_t length = file_read(directory, "cmdline", text, sizeof text);
    while (length > 0 && text[length - 1] == '\0')
        length--;
    if (length <= 0)
        length = snprintf(text, sizeof text, "[%s]", name);
    for (ssize_t index = 0; index < length; index++)
        if (text[index] == '\0')
            text[index] = ' ';
    json_name(json, "command");
    json_put_bytes(json, text, (size_t)length);
}

static uint64_t owner(int directory) {
    char text[2048];
    if (file_read(directory, "status", text, sizeof text) <= 0)
        return 0;
    const char *found = strstr(text, "\nUid:");
    return found == NULL ? 0 : strtoull(found + strlen("\nUid:"), NULL, 10);
}

static void put_process(struct json_writer *json, const char *pid, uint64_t booted) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%.20s", pid);
    cleanup_close int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    /* It may be gone by now. */
    if (directory < 0 || file_read(directory, "stat", text, sizeof text) <= 0)
        return;
    /* The name is in parentheses and may hold any; fields are counted from the last one on. */
    char *name = strchr(text, '('), *end = strrchr(text, ')');
    if (name == NULL || end == NULL || end < name)
        return;
    *end = '\0';
    char state;
    int parent, group, session, terminal, foreground, nice, threads;
    unsigned long long user, system, started, size;
    long resident;
    if (sscanf(end + 1, " %c %d %d %d %d %d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %d %d %*d %llu %llu %ld", &state,
               &parent, &group, &session, &terminal, &foreground, &user, &system, &nice, &threads, &started, &size,
               &resident) != 13)
        return;
    /* As ps(1) writes it. */
    char status[8];
    snprintf(status, sizeof status, "%c%s%s%s%s", state, nice < 0 ? "<" : nice > 0 ? "N" : "",
             session == (int)strtol(pid, NULL, 10) ? "s" : "", threads > 1 ? "l" : "",
             foreground == group && terminal != 0 ? "+" : "");
    json_open_object(json);
    json_name(json, "pid");
    json_put_unsigned(json, strtoull(pid, NULL, 10));
    json_name(json, "ppid");
    json_put_integer(json, parent);
    json_name(json, "uid");
    json_put_unsigned(json, owner(directory));
    json_name(json, "startTime");
    json_put_unsigned(json, booted + started / USER_HZ);
    json_name(json, "time");
    json_put_unsigned(json, (user + system) / USER_HZ);
    json_name(json, "state");
    json_put_text(json, status);
    json_name(json, "virtualBytes");
    json_put_unsigned(json, size);
    json_name(json, "residentBytes");
    json_put_unsigned(json, (uint64_t)resident * (uint64_t)getpagesize());
    put_terminal(json, (unsigned)terminal);
    put_command(json, directory, name + 1);
    json_close_object(json);
}

static void put_group(struct json_writer *json, const char *path, uint64_t booted, int depth, unsigned *left) {
    cleanup_close int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    cleanup_free char *text = malloc(64 << 10);
    if (directory < 0 || text == NULL || depth > DEPTH_MAX)
        return;
    if (file_read(directory, "cgroup.procs", text, 64 << 10) > 0) {
        char *rest = NULL;
        for (char *pid = strtok_r(text, "\n", &rest); pid != NULL && *left > 0;
             pid = strtok_r(NULL, "\n", &rest), (*left)--)
            put_process(json, pid, booted);
    }
    DIR *entries = opendir(path);
    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        char below[1024];
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        if (snprintf(below, sizeof below, "%s/%s", path, entry->d_name) < (int)sizeof below)
            put_group(json, below, booted, depth + 1, left);
    }
    if (entries != NULL)
        closedir(entries);
}

int statistics_put_processes(const char *cgroup, struct json_writer *json, struct failure *failure) {
    char path[400];
    snprintf(path, sizeof path, "/sys/fs/cgroup/%s", cgroup);
    cleanup_close int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return fail_errno(failure, errno, "cgroup");
    unsigned left = PROCESSES_MAX;
    json_open_object(json);
    json_name(json, "processes");
    json_open_array(json);
    put_group(json, path, boot_time(), 0, &left);
    json_close_array(json);
    json_close_object(json);
    return 0;
}
