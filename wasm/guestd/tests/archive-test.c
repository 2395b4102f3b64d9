/* Archives of a host's directories: what comes out is what went in; what is broken or hostile is refused; whiteouts. As root all
 * of it runs, else what needs no privilege. */
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../archive-output.h"
#include "../changes.h"
#include "../extract.h"
#include "../failure.h"
#include "../files.h"
#include "../json.h"
#include "../names.h"
#include "../pack.h"
#include "../tar-reader.h"

#define MUTATIONS 3000
#define ARCHIVE_MAX (1u << 20)

static struct output_pipe output;
static uint8_t archive[ARCHIVE_MAX];
static size_t archive_length;
static uint64_t state = 0x9e3779b97f4a7c15;

/* xorshift64* */
static uint32_t below(uint32_t limit) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 0x2545f4914f6cdd1d) >> 33) % limit;
}

static int at(const char *path) {
    const int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert(fd >= 0);
    return fd;
}

static void write_text(const char *path, const char *text) {
    assert(file_create(AT_FDCWD, path, text, strlen(text)) == 0);
}

/* The data of the frames in a memory file, without their headers. */
static void take_output(void) {
    uint8_t header[FRAME_HEADER_SIZE];
    archive_length = 0;
    assert(output_end(&output) == 0 && lseek(output.fd, 0, SEEK_SET) == 0);
    while (read(output.fd, header, sizeof header) == (ssize_t)sizeof header && header[4] == FRAME_DATA) {
        const size_t length = frame_length(header);
        assert(archive_length + length <= sizeof archive);
        assert(read(output.fd, archive + archive_length, length) == (ssize_t)length);
        archive_length += length;
    }
    assert(header[4] == FRAME_END);
    close(output.fd);
}

static void open_output(void) {
    output = (struct output_pipe){.fd = memfd_create("archive", MFD_CLOEXEC)};
    assert(output.fd >= 0);
}

static void pack_path(const char *root, const char *path, const char *name) {
    static struct pack pack;
    struct failure failure = {.message = ""};
    open_output();
    const int from = at(root), fd = pack_resolve(from, path);
    assert(fd >= 0 && pack_open(&pack, &output, name) == 0);
    assert(pack_tree(&pack, fd, "", &failure) == 0);
    tar_write_end(&output);
    pack_close(&pack);
    close(fd);
    close(from);
    take_output();
}

static int extract_into(const char *root, const char *path, bool keep_kinds, struct failure *failure) {
    const int input = memfd_create("input", MFD_CLOEXEC), from = at(root);
    assert(write(input, archive, archive_length) == (ssize_t)archive_length && lseek(input, 0, SEEK_SET) == 0);
    const mode_t mask = umask(0);
    const struct extract extract = {.root = from,
                                    .path = path,
                                    .keep_kinds = keep_kinds,
                                    .has_owner = geteuid() != 0,
                                    .uid = geteuid(),
                                    .gid = getegid()};
    *failure = (struct failure){.message = ""};
    const int error = extract_all(&extract, input, failure);
    umask(mask);
    close(input);
    close(from);
    return error;
}

static struct {
    const uint8_t *bytes;
    size_t length, at;
} memory;

static ssize_t read_memory(void *context, void *bytes, size_t size) {
    (void)context;
    size_t part = memory.length - memory.at;
    if (part > size)
        part = size;
    if (part > 1)
        part = 1 + below((uint32_t)part);
    memcpy(bytes, memory.bytes + memory.at, part);
    memory.at += part;
    return (ssize_t)part;
}

/* Names and kinds of the archive's members, a line each. */
static int list(const uint8_t *bytes, size_t length, char *text, size_t size) {
    static struct tar_reader reader;
    struct tar_entry entry;
    char content[3000];
    reader = (struct tar_reader){.read = read_memory};
    memory.bytes = bytes;
    memory.length = length;
    memory.at = 0;
    text[0] = '\0';
    int found;
    while ((found = tar_next(&reader, &entry)) > 0) {
        const size_t used = strlen(text);
        snprintf(text + used, size - used, "%c %s%s%s\n", entry.type, entry.path,
                 entry.target[0] == '\0' ? "" : " -> ", entry.target);
        ssize_t got = 1;
        while (got > 0 && below(4) != 0)
            got = tar_read(&reader, content, sizeof content);
        if (got < 0) {
            found = (int)got;
            break;
        }
    }
    tar_reader_free(&reader);
    return found;
}

static void expect_text(const char *got, const char *wanted) {
    if (strcmp(got, wanted) == 0)
        return;
    fprintf(stderr, "got:\n%s\nwanted:\n%s\n", got, wanted);
    abort();
}

static void expect_list(const char *wanted) {
    char text[8192];
    assert(list(archive, archive_length, text, sizeof text) == 0);
    expect_text(text, wanted);
}

static void check_round_trip(void) {
    struct failure failure;
    struct stat status;
    char long_name[201], path[300], target[64], value[8];
    memset(long_name, 'n', 200);
    long_name[200] = '\0';
    assert(mkdir("from", 0755) == 0 && mkdir("from/d", 0750) == 0 && mkdir("to", 0755) == 0);
    write_text("from/d/f", "hello\n");
    assert(link("from/d/f", "from/d/h") == 0 && symlink("../../nowhere", "from/d/s") == 0);
    assert(mkfifo("from/d/p", 0600) == 0 && chmod("from/d/f", 04711) == 0);
    snprintf(path, sizeof path, "from/d/%s", long_name);
    write_text(path, long_name);
    write_text("from/d/\xff", "");
    const bool xattrs = setxattr("from/d/f", "user.k", "v\0w", 3, 0) == 0;
    const struct timespec times[2] = {{.tv_sec = 1, .tv_nsec = 5}, {.tv_sec = 1000000000, .tv_nsec = 123456789}};
    assert(utimensat(AT_FDCWD, "from/d/f", times, 0) == 0 && utimensat(AT_FDCWD, "from/d", times, 0) == 0);
    pack_path("from", "d", "x");
    char wanted[1024];
    snprintf(wanted, sizeof wanted, "5 x/\n0 x/f\n1 x/h -> x/f\n0 x/%s\n6 x/p\n2 x/s -> ../../nowhere\n0 x/\xff\n", long_name);
    expect_list(wanted);
    assert(extract_into(".", "to", true, &failure) == 0);
    assert(stat("to/x/f", &status) == 0 && status.st_size == 6 && (status.st_mode & 07777) == 04711 && status.st_nlink == 2);
    assert(status.st_mtim.tv_sec == 1000000000 && status.st_mtim.tv_nsec == 123456789);
    assert(stat("to/x", &status) == 0 && (status.st_mode & 07777) == 0750 && status.st_mtim.tv_nsec == 123456789);
    assert(readlink("to/x/s", target, sizeof target) == 13 && memcmp(target, "../../nowhere", 13) == 0);
    assert(!xattrs || (getxattr("to/x/f", "user.k", value, sizeof value) == 3 && memcmp(value, "v\0w", 3) == 0));
    /* The contents alone, and the root. */
    pack_path("from", "d", "");
    assert(memcmp(archive, "f", 2) == 0 || memcmp(archive, "PaxHeader", 10) == 0);
    pack_path("from/d", "/", "/");
    assert(memcmp(archive, "/", 2) == 0 || archive[156] == 'x');
    /* Once more: what is there is replaced, and comes out the same. */
    pack_path("to", "x", "x");
    const size_t length = archive_length;
    assert(extract_into(".", "to", true, &failure) == 0);
    pack_path("to", "x", "x");
    assert(archive_length == length);
}

static void check_resolving(void) {
    char followed[TAR_PATH_MAX + 1];
    assert(symlink("/d/f", "from/d/absolute") == 0 && symlink("loop", "from/loop") == 0);
    const int root = at("from");
    assert(pack_follow(root, "d/absolute", followed) == 0);
    expect_text(followed, "/d/f");
    assert(pack_follow(root, "/../d/s", followed) == 0);
    expect_text(followed, "/nowhere");
    assert(pack_follow(root, "d/../..", followed) == 0);
    expect_text(followed, "/");
    assert(pack_follow(root, "loop", followed) == -ELOOP);
    assert(pack_resolve(root, "../../../../etc/passwd") == -ENOENT);
    assert(unlink("from/d/absolute") == 0 && unlink("from/loop") == 0);
    close(root);
}

struct member {
    const char *path, *target, *text;
    enum tar_type type;
};

static void build(const struct member *members) {
    open_output();
    for (; members->path != NULL; members++) {
        const char *text = members->text == NULL ? "" : members->text;
        const struct tar_entry entry = {.path = members->path,
                                        .target = members->target,
                                        .type = members->type,
                                        .mode = 0644,
                                        .size = strlen(text)};
        assert(tar_write_header(&output, &entry) == 0);
        output_write(&output, text, strlen(text));
        tar_pad(&output, strlen(text));
    }
    tar_write_end(&output);
    take_output();
}

static void expect_refusal(const struct member *members, const char *message) {
    struct failure failure;
    build(members);
    const int error = extract_into("jail", "in", true, &failure);
    if (error == 0 || strcmp(failure.message, message) != 0) {
        fprintf(stderr, "%d %s, not %s\n", error, failure.message, message);
        abort();
    }
}

static void check_jail(void) {
    struct failure failure;
    struct stat status;
    assert(mkdir("jail", 0755) == 0 && mkdir("jail/in", 0755) == 0 && mkdir("jail/in/dir", 0755) == 0);
    write_text("outside", "safe");
    expect_refusal((struct member[]){{"../../outside", NULL, "evil", TAR_FILE}, {0}},
                   "invalid entry name \"../../outside\"");
    expect_refusal((struct member[]){{"h", "../../outside", NULL, TAR_HARDLINK}, {0}},
                   "invalid hardlink target \"../../outside\"");
    expect_refusal((struct member[]){{"dir", NULL, "x", TAR_FILE}, {0}},
                   "cannot overwrite directory \"dir\" with non-directory \"in\"");
    /* Through a link that the archive made itself: it leads nowhere inside, and not to what it names outside. */
    build((struct member[]){{"l", "../../..", NULL, TAR_SYMLINK}, {"l/outside", NULL, "evil", TAR_FILE}, {0}});
    assert(extract_into("jail", "in", false, &failure) == 0);
    assert(stat("jail/outside", &status) == 0 && stat("outside", &status) == 0 && status.st_size == 4);
    build((struct member[]){{"l", "../../..", NULL, TAR_SYMLINK}, {"h", "l/jail/outside", NULL, TAR_HARDLINK}, {0}});
    assert(extract_into("jail", "in", false, &failure) < 0 && lstat("jail/in/h", &status) < 0);
    expect_text(failure.code, "no-path");
    /* A file is not written through a link, but in its place. */
    assert(symlink("../../outside", "jail/in/victim") == 0);
    build((struct member[]){{"victim", NULL, "evil!", TAR_FILE}, {0}});
    assert(extract_into("jail", "in", false, &failure) == 0);
    assert(stat("outside", &status) == 0 && status.st_size == 4);
    assert(lstat("jail/in/victim", &status) == 0 && S_ISREG(status.st_mode));
    /* A directory goes for a file where that is allowed. */
    build((struct member[]){{"dir", NULL, "x", TAR_FILE}, {0}});
    assert(extract_into("jail", "in", false, &failure) == 0 && lstat("jail/in/dir", &status) == 0 && S_ISREG(status.st_mode));
}

static void check_broken(void) {
    struct failure failure;
    build((struct member[]){{"a", NULL, "text", TAR_FILE}, {0}});
    archive_length = 514;
    assert(extract_into("jail", "in", true, &failure) < 0);
    expect_text(failure.message, "unexpected EOF");
    archive_length = 511;
    assert(extract_into("jail", "in", true, &failure) < 0);
    expect_text(failure.message, "unexpected EOF");
    memset(archive, 'x', sizeof archive);
    archive_length = 2048;
    assert(extract_into("jail", "in", true, &failure) < 0);
    expect_text(failure.message, "archive/tar: invalid tar header");
    assert(extract_into("jail", "nowhere", true, &failure) < 0);
    expect_text(failure.code, "no-path");
    assert(extract_into("jail", "in/a", true, &failure) < 0);
    expect_text(failure.message, "extraction point is not a directory");
}

static bool make_whiteout(const char *path) {
    return mknod(path, S_IFCHR, 0) == 0;
}

static int no_merged(void *context, struct failure *failure) {
    (void)context;
    return fail(failure, "failed", ENOTSUP, "not in a test");
}

/* An upper directory by hand, as overlay makes it. */
static void check_changes(void) {
    static const char ignored[] = "[\"/etc/hosts\",\"/proc\",\"/etc/resolv.conf\"]";
    struct failure failure = {.message = ""};
    struct json_document ignore;
    for (size_t index = 0; index < 2; index++) {
        const char *side = index == 0 ? "lower" : "upper";
        assert(mkdir(side, 0755) == 0 && chdir(side) == 0);
        assert(mkdir("etc", 0755) == 0 && mkdir("old", 0755) == 0 && chdir("..") == 0);
    }
    write_text("lower/gone", "1");
    write_text("lower/old/a", "1");
    write_text("lower/old/b", "1");
    write_text("upper/old/b", "22");
    write_text("upper/etc/hosts", "");
    assert(mkdir("upper/proc", 0755) == 0 && mkdir("upper/new", 0755) == 0);
    write_text("upper/new/f", "1");
    if (!make_whiteout("upper/gone") || setxattr("upper/old", "trusted.overlay.opaque", "y", 1, 0) < 0) {
        fprintf(stderr, "no privilege for whiteouts: not tested\n");
        return;
    }
    assert(json_parse(ignored, strlen(ignored), &ignore) == 0);
    const struct changes changes = {
        .upper = at("upper"), .lower = at("lower"), .ignore = ignore.root, .merged = no_merged};
    open_output();
    assert(changes_pack(&changes, &output, &failure) == 0);
    take_output();
    expect_list("0 .wh.gone\n5 new/\n0 new/f\n5 old/\n0 old/.wh..wh..opq\n0 old/b\n");
    open_output();
    assert(changes_list(&changes, &output, &failure) == 0);
    take_output();
    for (size_t index = 0; index < archive_length; index++)
        if (archive[index] == '\0')
            archive[index] = '\n';
    archive[archive_length] = '\0';
    expect_text((const char *)archive, "D/gone\nA/new\nA/new/f\nM/old\nM/old/b\nD/old/a\n");
    /* What is written into a mount point's file, or beside it, counts. */
    write_text("upper/etc/hosts", "1");
    open_output();
    assert(changes_pack(&changes, &output, &failure) == 0);
    take_output();
    expect_list("5 etc/\n0 etc/hosts\n0 .wh.gone\n5 new/\n0 new/f\n5 old/\n0 old/.wh..wh..opq\n0 old/b\n");
    close(changes.upper);
    close(changes.lower);
    json_free(&ignore);
}

static void mutate(uint8_t *bytes, size_t length) {
    for (uint32_t changes = 1 + below(4); changes > 0; changes--) {
        uint8_t *block = bytes + below((uint32_t)(length / TAR_BLOCK)) * TAR_BLOCK;
        const size_t field[] = {below(TAR_BLOCK), 124 + below(12), below(8), 156, 157 + below(8), 345 + below(8), 0};
        static const uint8_t values[] = {0, 0x80, 0xff, '/', '.', '7', ' ', 'x', 'L', 'K', 'S', '1', '2', '5'};
        block[field[below(7)]] = below(2) == 0 ? values[below(sizeof values)] : (uint8_t)below(256);
        /* With a right sum most of the time, or nothing but sums would be tested. */
        if (below(8) != 0) {
            unsigned sum = 8 * ' ';
            for (size_t index = 0; index < TAR_BLOCK; index++)
                sum += index >= 148 && index < 156 ? 0 : block[index];
            snprintf((char *)block + 148, 8, "%06o", sum);
        }
    }
}

static void check_fuzz(void) {
    static uint8_t original[ARCHIVE_MAX];
    struct failure failure;
    char text[65536];
    pack_path("from", "d", "x");
    const size_t length = archive_length;
    memcpy(original, archive, length);
    for (int round = 0; round < 20 * MUTATIONS; round++) {
        memcpy(archive, original, length);
        mutate(archive, length);
        list(archive, below(8) == 0 ? below((uint32_t)length) : length, text, sizeof text);
    }
    assert(mkdir("fuzz", 0755) == 0 && mkdir("fuzz/in", 0755) == 0);
    for (int round = 0; round < MUTATIONS; round++) {
        memcpy(archive, original, length);
        archive_length = length;
        mutate(archive, length);
        extract_into("fuzz", "in", below(2) == 0, &failure);
        if (round % 100 == 0) {
            unsigned budget = 1000000;
            assert(tree_remove(AT_FDCWD, "fuzz/in", &budget) == 0 && mkdir("fuzz/in", 0755) == 0);
        }
    }
}

/* Nothing but what the tests made is in their directory, and what they guard is as it was. */
static void check_outside(void) {
    static const char *const made[] = {"from", "fuzz", "jail", "lower", "outside", "to", "upper"};
    struct names names;
    struct stat status;
    const int directory = at(".");
    assert(names_read(directory, "", &names) == 0 && names.count == sizeof made / sizeof *made);
    for (size_t index = 0; index < names.count; index++)
        expect_text(names.items[index], made[index]);
    assert(stat("outside", &status) == 0 && status.st_size == 4);
    names_free(&names);
    close(directory);
}

int main(void) {
    char scratch[] = "/tmp/archive-test-XXXXXX";
    unsigned budget = 1000000;
    assert(mkdtemp(scratch) != NULL && chdir(scratch) == 0);
    umask(0);
    check_round_trip();
    check_resolving();
    check_jail();
    check_broken();
    check_changes();
    check_fuzz();
    check_outside();
    assert(chdir("/") == 0 && tree_remove(AT_FDCWD, scratch, &budget) == 0);
    puts("archive-test: ok");
    return 0;
}
