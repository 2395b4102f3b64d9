#define _GNU_SOURCE
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base64.h"
#include "capabilities.h"
#include "cleanup.h"
#include "files.h"
#include "json.h"
#include "program.h"
#include "rlimits.h"

uint64_t process_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

int process_prepare(const struct process *process, struct failure *failure) {
    char text[24];
    sigset_t none;
    sigemptyset(&none);
    /* guestd ignores this one, and an execve keeps that; it handles none, and blocks all. */
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    int64_t score = json_integer(json_get(process->spec, "oomScoreAdj"), 0);
    if (score == 0) /* guestd's own */
        return 0;
    snprintf(text, sizeof text, "%" PRId64, score);
    int error = file_write(AT_FDCWD, "/proc/self/oom_score_adj", text);
    return error < 0 ? fail_errno(failure, -error, "cannot set oom_score_adj") : 0;
}

static int take_stdio(const struct process *process, uid_t uid, struct failure *failure) {
    if (process->terminal && ioctl(process->input, TIOCSCTTY, 0) < 0)
        return fail_errno(failure, errno, "cannot make the terminal the controlling one");
    if (dup2(process->input, 0) < 0 || dup2(process->output, 1) < 0 || dup2(process->error, 2) < 0)
        return fail_errno(failure, errno, "dup2");
    /* So that another user can open /dev/stdout anew. */
    for (int fd = 0; fd < 3 && uid != 0; fd++)
        if (fchown(fd, uid, (gid_t)-1) < 0)
            return fail_errno(failure, errno, "chown of standard streams");
    return 0;
}

static int load_seccomp(const char *text, struct failure *failure) {
    static struct sock_filter filter[BPF_MAXINSNS];
    size_t length = strlen(text);
    if (BASE64_ROOM(length) > sizeof filter)
        return fail(failure, "invalid", E2BIG, "the seccomp program is too long");
    long size = base64_decode(text, length, (uint8_t *)filter);
    if (size <= 0 || (size_t)size % sizeof *filter != 0)
        return fail(failure, "invalid", EINVAL, "the seccomp program is malformed");
    struct sock_fprog program = {.len = (unsigned short)((size_t)size / sizeof *filter), .filter = filter};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
        return fail_errno(failure, errno, "unable to init seccomp");
    return 0;
}

static int set_groups(const struct json_value *list) {
    gid_t groups[1024];
    size_t count = 0;
    if (json_count(list) > sizeof groups / sizeof *groups)
        return -EINVAL;
    for (const struct json_value *item = json_first(list); item != NULL; item = item->next)
        groups[count++] = (gid_t)json_unsigned(item, 0);
    return setgroups(count, groups) < 0 ? -errno : 0;
}

/* As root first, as the directory may be closed to the user; else as the user, who may see more of it (a FUSE or NFS). */
static int change_directory(const struct json_value *spec, bool last, bool *done, struct failure *failure) {
    const char *cwd = json_text(json_get(spec, "cwd"), "");
    char actual[4096];
    if (*done)
        return 0;
    if (chdir(cwd) < 0) {
        if ((errno == EACCES || errno == EPERM) && !last)
            return 0;
        return fail_errno(failure, errno, "chdir to cwd (\"%s\") set in config.json failed", cwd);
    }
    *done = true;
    if (syscall(SYS_getcwd, actual, sizeof actual) < 0 || actual[0] != '/')
        return fail(failure, "failed", EPERM, "current working directory is outside of container mount namespace root "
                                              "-- possible container breakout detected");
    return 0;
}

static int become_user(const struct json_value *spec, struct failure *failure) {
    const struct json_value *user = json_get(spec, "user"), *sets = json_get(spec, "capabilities");
    uid_t uid = (uid_t)json_unsigned(json_get(user, "uid"), 0);
    gid_t gid = (gid_t)json_unsigned(json_get(user, "gid"), 0);
    struct capabilities capabilities;
    const char *unknown = "";
    bool in_place = false;
    int error;
    if (sets != NULL && capabilities_parse(sets, &capabilities, &unknown) < 0)
        return fail(failure, "invalid", EINVAL, "unknown capability \"%s\"", unknown);
    if (sets != NULL && (error = capabilities_bound(&capabilities)) < 0)
        return fail_errno(failure, -error, "unable to apply bounding set");
    if (sets != NULL && uid != 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return fail_errno(failure, errno, "unable to set keep caps");
    error = change_directory(spec, false, &in_place, failure);
    if (error < 0)
        return error;
    error = set_groups(json_get(user, "additionalGids"));
    if (error < 0)
        return fail_errno(failure, -error, "setgroups");
    if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return fail_errno(failure, errno, "unable to setup user");
    error = change_directory(spec, true, &in_place, failure);
    if (error < 0)
        return error;
    if (sets != NULL && (error = capabilities_apply(&capabilities)) < 0)
        return fail_errno(failure, -error, "unable to apply caps");
    return 0;
}

int process_execute(struct process *process, struct failure *failure) {
    const struct json_value *spec = process->spec, *user = json_get(spec, "user");
    const bool no_new_privileges = json_is_true(json_get(spec, "noNewPrivileges"));
    static struct program program;
    char text[80];
    if (json_text(json_get(spec, "cwd"), "")[0] != '/')
        return fail(failure, "invalid", EINVAL, "Cwd must be an absolute path");
    int error = take_stdio(process, (uid_t)json_unsigned(json_get(user, "uid"), 0), failure);
    if (error == 0)
        error = program_read(spec, &program, failure);
    if (error == 0)
        error = rlimits_apply(json_get(spec, "rlimits"), failure);
    if (error < 0)
        return error;
    umask((mode_t)json_unsigned(json_get(user, "umask"), 0022) & 0777);
    if (no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return fail_errno(failure, errno, "unable to set no_new_privs");
    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    /* Without no_new_privs the filter needs CAP_SYS_ADMIN; with it, it comes last, so that it sees as little as possible. */
    if (process->seccomp != NULL && !no_new_privileges)
        error = load_seccomp(process->seccomp, failure);
    if (error == 0)
        error = become_user(spec, failure);
    if (error == 0)
        error = program_find(&program, failure);
    if (error == 0 && process->seccomp != NULL && no_new_privileges)
        error = load_seccomp(process->seccomp, failure);
    if (error < 0)
        return error;
    process->timings->process = (uint32_t)(process_clock() - process->since);
    execve(program.path, program.arguments, program.environment);
    /* The container counts as started, as with runc: its program is what failed. */
    dprintf(STDERR_FILENO, "exec %s: %s\n", program.path, error_text(errno, text, sizeof text));
    _exit(255);
}
