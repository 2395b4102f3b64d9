#define _GNU_SOURCE
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "json.h"

/* Strings of the list in one array, with room for one more. NULL when they are not strings or memory is out. */
static char **read_strings(const struct json_value *list) {
    char **strings = calloc(json_count(list) + 2, sizeof *strings), **at = strings;
    for (const struct json_value *item = json_first(list); item != NULL && strings != NULL; item = item->next) {
        if (json_text(item, NULL) == NULL) {
            free(strings);
            return NULL;
        }
        *at++ = (char *)(uintptr_t)json_text(item, NULL);
    }
    return strings;
}

/* name:password:uid:gid:gecos:home:shell. Cuts line at the colons. */
static const char *home_in_line(char *line, unsigned long uid) {
    char *fields[7] = {line}, *end;
    for (int i = 1; i < 7; i++) {
        char *colon = strchr(fields[i - 1], ':');
        if (colon == NULL)
            return NULL;
        *colon = '\0';
        fields[i] = colon + 1;
    }
    return *fields[2] != '\0' && strtoul(fields[2], &end, 10) == uid && *end == '\0' ? fields[5] : NULL;
}

static char *home_of(unsigned long uid) {
    char line[1024], *home = NULL;
    struct stat status;
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return NULL;
    FILE *file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? fdopen(fd, "r") : NULL;
    if (file == NULL) {
        close(fd);
        return NULL;
    }
    while (home == NULL && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        const char *found = home_in_line(line, uid);
        if (found != NULL && asprintf(&home, "HOME=%s", found) < 0)
            home = NULL;
    }
    fclose(file);
    return home;
}

static int set_home(char **environment, unsigned long uid) {
    char **at = environment;
    while (*at != NULL && strncmp(*at, "HOME=", 5) != 0)
        at++;
    if (*at != NULL && (*at)[5] != '\0')
        return 0;
    char *home = home_of(uid);
    *at = home == NULL || home[5] == '\0' ? strdup("HOME=/") : home;
    return *at == NULL ? -ENOMEM : 0;
}

int program_read(const struct json_value *process, struct program *program, struct failure *failure) {
    program->arguments = read_strings(json_get(process, "args"));
    program->environment = read_strings(json_get(process, "env"));
    if (program->arguments == NULL || program->environment == NULL)
        return fail(failure, "invalid", EINVAL, "args and env must be lists of strings");
    if (program->arguments[0] == NULL)
        return fail(failure, "invalid", EINVAL, "args must not be empty");
    int error = set_home(program->environment, (unsigned long)json_unsigned(json_get(json_get(process, "user"), "uid"), 0));
    return error < 0 ? fail_errno(failure, -error, "cannot set HOME") : 0;
}

const char *program_variable(const struct program *program, const char *name) {
    size_t length = strlen(name);
    for (char **at = program->environment; *at != NULL; at++)
        if (strncmp(*at, name, length) == 0 && (*at)[length] == '=')
            return *at + length + 1;
    return NULL;
}

/* Go's findExecutable. *stat_failed tells Go's "stat PATH: " from the rest. */
static int check_executable(const char *path, bool *stat_failed) {
    struct stat status;
    *stat_failed = stat(path, &status) < 0;
    if (*stat_failed)
        return -errno;
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

static int find_by_path(struct program *program, const char *name, struct failure *failure) {
    char text[80];
    bool stat_failed;
    if ((size_t)snprintf(program->path, sizeof program->path, "%s", name) >= sizeof program->path)
        return fail(failure, "not-found", ENAMETOOLONG, "exec: \"%s\": file name too long", name);
    int error = check_executable(name, &stat_failed);
    if (error == 0)
        return 0;
    error_text(-error, text, sizeof text);
    const char *code = error == -ENOENT || error == -ENOTDIR ? "not-found" : "not-executable";
    if (stat_failed)
        return fail(failure, code, -error, "exec: \"%s\": stat %s: %s", name, name, text);
    return fail(failure, code, -error, "exec: \"%s\": %s", name, text);
}

int program_find(struct program *program, struct failure *failure) {
    const char *name = program->arguments[0], *directories = program_variable(program, "PATH");
    bool stat_failed;
    if (strchr(name, '/') != NULL)
        return find_by_path(program, name, failure);
    for (const char *at = directories; at != NULL && *name != '\0';) {
        size_t length = strcspn(at, ":");
        int written = length == 0 ? snprintf(program->path, sizeof program->path, "./%s", name)
                                  : snprintf(program->path, sizeof program->path, "%.*s/%s", (int)length, at, name);
        if (written > 0 && (size_t)written < sizeof program->path && check_executable(program->path, &stat_failed) == 0) {
            if (program->path[0] == '/')
                return 0;
            return fail(failure, "not-executable", EACCES,
                        "exec: \"%s\": cannot run executable found relative to current directory", name);
        }
        at = at[length] == ':' ? at + length + 1 : NULL;
    }
    return fail(failure, "not-found", ENOENT, "exec: \"%s\": executable file not found in $PATH", name);
}
