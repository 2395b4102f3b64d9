#define _GNU_SOURCE
#include "archive-child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "archive-output.h"
#include "changes.h"
#include "cleanup.h"
#include "extract.h"
#include "failure.h"
#include "file-view.h"
#include "json-writer.h"
#include "json.h"
#include "pack.h"

static struct output_pipe output;

static void put(struct json_writer *json, const char *name, int64_t value) {
    json_name(json, name);
    json_put_integer(json, value);
}

static void send_started(const struct stat *status, const char *target) {
    struct json_writer json = {0};
    json_open_object(&json);
    if (status != NULL) {
        json_name(&json, "stat");
        json_open_object(&json);
        put(&json, "mode", status->st_mode);
        put(&json, "uid", status->st_uid);
        put(&json, "gid", status->st_gid);
        put(&json, "size", status->st_size);
        put(&json, "seconds", status->st_mtim.tv_sec);
        put(&json, "nanoseconds", status->st_mtim.tv_nsec);
        put(&json, "major", S_ISCHR(status->st_mode) || S_ISBLK(status->st_mode) ? (int64_t)major(status->st_rdev) : 0);
        put(&json, "minor", S_ISCHR(status->st_mode) || S_ISBLK(status->st_mode) ? (int64_t)minor(status->st_rdev) : 0);
        json_name(&json, "linkTarget");
        json_put_text(&json, target);
        json_close_object(&json);
    }
    json_close_object(&json);
    output_json(&output, FRAME_STARTED, &json);
    json_writer_free(&json);
}

/* stat and files. */
static int send_files(const struct archive_work *work, bool with_files, struct failure *failure) {
    const char *path = json_text(json_get(work->open, "path"), "");
    const char *name = json_text(json_get(work->open, "name"), "");
    static char target[TAR_PATH_MAX + 1];
    static struct pack pack;
    struct stat status;
    cleanup_close int root = file_view_root(work->view, failure);
    if (root < 0)
        return root;
    cleanup_close int fd = pack_resolve(root, path);
    if (fd == -ENOENT)
        return fail(failure, "no-path", ENOENT, "%s: no such file or directory", path);
    if (fd < 0 || fstat(fd, &status) < 0)
        return fail_errno(failure, fd < 0 ? -fd : errno, "lstat %s", path);
    const int followed = S_ISLNK(status.st_mode) ? pack_follow(root, path, target) : 0;
    if (followed < 0)
        return fail_errno(failure, -followed, "readlink %s", path);
    send_started(&status, target);
    if (!with_files)
        return 0;
    int error = pack_open(&pack, &output, name);
    pack.whole_seconds = json_is_true(json_get(work->open, "wholeSeconds"));
    if (error < 0)
        fail_errno(failure, -error, "%s", name);
    else
        error = pack_tree(&pack, fd, "", failure);
    pack_close(&pack);
    if (error == 0)
        tar_write_end(&output);
    return error;
}

/* Once, and only for a layer in which a directory was renamed. */
static int merged_root(void *context, struct failure *failure) {
    static int root = -1;
    if (root < 0)
        root = file_view_root(context, failure);
    return root;
}

static int send_changes(const struct archive_work *work, bool as_list, struct failure *failure) {
    struct file_view view = *work->view;
    int upper, lower;
    int error = file_view_layers(&view, &upper, &lower, failure);
    if (error < 0)
        return error;
    const struct changes changes = {.upper = upper,
                                    .lower = lower,
                                    .ignore = json_get(work->open, "ignore"),
                                    .merged = merged_root,
                                    .context = &view};
    send_started(NULL, NULL);
    return as_list ? changes_list(&changes, &output, failure) : changes_pack(&changes, &output, failure);
}

static int extract(const struct archive_work *work, struct failure *failure) {
    const struct json_value *owner = json_get(work->open, "owner");
    cleanup_close int root = file_view_root(work->view, failure);
    if (root < 0)
        return root;
    const struct extract extract = {
        .root = root,
        .path = json_text(json_get(work->open, "path"), ""),
        .keep_kinds = json_is_true(json_get(work->open, "noOverwriteDirNonDir")),
        .has_owner = owner != NULL,
        .uid = (uid_t)json_unsigned(json_get(owner, "uid"), 0),
        .gid = (gid_t)json_unsigned(json_get(owner, "gid"), 0),
    };
    return extract_all(&extract, work->input, failure);
}

static int serve(const struct archive_work *work, struct failure *failure) {
    const char *op = json_text(json_get(work->open, "op"), "");
    if (work->extract)
        return extract(work, failure);
    if (strcmp(op, "stat") == 0 || strcmp(op, "files") == 0)
        return send_files(work, op[0] == 'f', failure);
    if (strcmp(op, "layer") == 0 || strcmp(op, "changes") == 0)
        return send_changes(work, op[0] == 'c', failure);
    return fail(failure, "invalid", EINVAL, "no such op: %.64s", op);
}

/* guestd's streams must be able to end meanwhile. */
static void close_others(const struct archive_work *work) {
    int keep[] = {STDERR_FILENO, work->input, work->output, work->view->namespace};
    const size_t count = sizeof keep / sizeof *keep;
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && keep[j] < keep[j - 1]; j--) {
            const int lower = keep[j];
            keep[j] = keep[j - 1];
            keep[j - 1] = lower;
        }
    for (size_t i = 0; i < count; i++) {
        const unsigned from = (unsigned)(keep[i] + 1), to = i + 1 < count ? (unsigned)keep[i + 1] : ~0u;
        if (keep[i] >= STDERR_FILENO && from < to)
            close_range(from, to - 1 + (i + 1 == count), 0);
    }
}

void archive_child(const struct archive_work *work) {
    struct failure failure = {.code = "failed", .message = ""};
    sigset_t none;
    sigemptyset(&none);
    /* Nobody reads any more: then this ends. */
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    close_others(work);
    output.fd = work->output;
    const int error = serve(work, &failure);
    if (output.error < 0)
        _exit(1);
    if (error < 0 && failure.message[0] == '\0')
        fail_errno(&failure, -error, "cannot go on");
    if (error < 0)
        output_failed(&output, &failure);
    else
        output_end(&output);
    _exit(error < 0);
}
