#define _GNU_SOURCE
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <time.h>
#include <unistd.h>

#include "base64.h"
#include "cleanup.h"
#include "failure.h"
#include "files.h"
#include "frame.h"
#include "json-writer.h"
#include "json.h"
#include "log.h"
#include "runtime.h"

#define ENTROPY_MIN 64u
#define ENTROPY_MAX 4096u
#define LOG_MAX (512 << 10)
#define SYSLOG_ACTION_READ_ALL 3
/* 9999-12-31 */
#define TIME_MAX 253402300799.0

int host_set_clock(const struct json_value *time, struct failure *failure) {
    if (time == NULL || time->type != JSON_NUMBER || time->number < 0 || time->number > TIME_MAX)
        return fail(failure, "invalid", EINVAL, "no valid time");
    struct timespec now = {.tv_sec = (time_t)time->number};
    now.tv_nsec = (long)((time->number - (double)now.tv_sec) * 1e9);
    if (clock_settime(CLOCK_REALTIME, &now) < 0)
        return fail_errno(failure, errno, "set the clock");
    return 0;
}

/* All guests of a snapshot are born with the same pool. Adding is not enough: the generator draws from the pool at
 * intervals of its own. */
static int stir(const char *text, struct failure *failure) {
    const size_t length = strlen(text);
    struct {
        int entropy_count; /* bits */
        int buf_size;
        uint8_t bytes[ENTROPY_MAX];
    } pool;
    if (length > ENTROPY_MAX)
        return fail(failure, "invalid", EINVAL, "entropy: at most %u characters", ENTROPY_MAX);
    const long count = base64_decode(text, length, pool.bytes);
    if (count < (long)ENTROPY_MIN)
        return fail(failure, "invalid", EINVAL, "entropy: %u bytes or more in base64", ENTROPY_MIN);
    pool.buf_size = (int)count;
    pool.entropy_count = (int)count * 8;
    cleanup_close int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, RNDADDENTROPY, &pool) < 0 || ioctl(fd, RNDRESEEDCRNG) < 0)
        return fail_errno(failure, errno, "reseed the random pool");
    explicit_bzero(&pool, sizeof pool);
    return 0;
}

static int set_identity(const struct json_value *request, struct failure *failure) {
    const char *hostname = json_text(json_get(request, "hostname"), "");
    const char *machine = json_text(json_get(request, "machineId"), "");
    if (*hostname == '\0' || strlen(hostname) > 64)
        return fail(failure, "invalid", EINVAL, "no valid hostname");
    if (strlen(machine) != 32 || strspn(machine, "0123456789abcdef") != 32)
        return fail(failure, "invalid", EINVAL, "a machine id is 32 hex characters");
    if (sethostname(hostname, strlen(hostname)) < 0)
        return fail_errno(failure, errno, "sethostname");
    char line[34];
    snprintf(line, sizeof line, "%s\n", machine);
    const char *const paths[] = {HOST_MACHINE_ID, "/etc/machine-id"};
    directory_ensure(AT_FDCWD, "/etc", 0755);
    for (size_t index = 0; index < sizeof paths / sizeof *paths; index++) {
        const int error = file_create(AT_FDCWD, paths[index], line, strlen(line));
        if (error < 0)
            return fail_errno(failure, -error, "%s", paths[index]);
    }
    return 0;
}

int host_configure(const struct json_value *request, struct failure *failure) {
    int error = host_set_clock(json_get(request, "time"), failure);
    if (error == 0)
        error = stir(json_text(json_get(request, "entropy"), ""), failure);
    if (error == 0)
        error = set_identity(request, failure);
    if (error == 0)
        error = runtime_mount_trees(json_text(json_get(request, "treesTag"), ""), failure);
    log_line("configure: %s", error == 0 ? "done" : failure->message);
    return error;
}

/* How long the text is as JSON, at most: control characters and bytes that are no UTF-8 grow. */
static size_t json_length(uint8_t character) {
    return character < 0x20 ? 6 : character == '"' || character == '\\' ? 2 : character < 0x80 ? 1 : 3;
}

int host_put_kernel_log(struct json_writer *result, struct failure *failure) {
    cleanup_free char *text = malloc(LOG_MAX);
    if (text == NULL)
        return fail(failure, "failed", ENOMEM, "out of memory");
    const int length = klogctl(SYSLOG_ACTION_READ_ALL, text, LOG_MAX);
    if (length < 0)
        return fail_errno(failure, errno, "read the kernel's log");
    /* The last of it, as much as a frame takes. */
    size_t first = (size_t)length, size = 256;
    while (first > 0 && size + json_length((uint8_t)text[first - 1]) <= FRAME_MAX)
        size += json_length((uint8_t)text[--first]);
    json_open_object(result);
    json_name(result, "text");
    json_put_bytes(result, text + first, (size_t)length - first);
    json_close_object(result);
    return 0;
}
