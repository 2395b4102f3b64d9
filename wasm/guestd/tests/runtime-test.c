/* The parts of the runtime that need no privilege: mount options, device rules (their BPF is run here by hand),
 * capabilities, cgroup paths, and paths inside a root. */
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../capabilities.h"
#include "../cgroup.h"
#include "../device-rules.h"
#include "../files.h"
#include "../json.h"
#include "../mount-options.h"
#include "../rootfs.h"

static struct json_document parse(const char *text) {
    struct json_document document;
    assert(json_parse(text, strlen(text), &document) == 0);
    return document;
}

static int read_options(const char *text, struct mount_options *options) {
    struct json_document document = parse(text);
    int result = mount_options_parse(document.root, options);
    json_free(&document);
    return result;
}

static void check_mount_options(void) {
    struct mount_options options;
    char long_option[1200];
    assert(read_options("[\"nosuid\",\"ro\",\"noexec\",\"exec\",\"rw\",\"mode=755\",\"size=1m\"]", &options) == 0);
    assert(options.flags == MS_NOSUID && options.set == MOUNT_ATTR_NOSUID);
    assert(options.clear == (MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY) && strcmp(options.data, "mode=755,size=1m") == 0);
    assert(read_options("[\"rbind\",\"rro\",\"rslave\",\"noatime\"]", &options) == 0);
    assert(options.flags == (MS_BIND | MS_REC | MS_RDONLY | MS_NOATIME) && options.recursive_set == MOUNT_ATTR_RDONLY);
    assert(options.propagation == MS_SLAVE && options.recursive_propagation && options.clear == MOUNT_ATTR__ATIME);
    assert(read_options("null", &options) == 0 && options.flags == 0);
    assert(read_options("[1]", &options) == -EINVAL);
    assert(read_options("[\"tmpcopyup\"]", &options) == -ENOTSUP);
    snprintf(long_option, sizeof long_option, "[\"%01100d\"]", 0);
    assert(read_options(long_option, &options) == -E2BIG);
}

/* The instructions that device_rules_compile emits (kernel, Documentation/bpf/standardization/instruction-set.rst). */
static bool run_program(const struct bpf_insn *program, int count, const uint32_t context[3]) {
    uint32_t registers[16] = {0};
    for (int at = 0; at < count; at++) {
        const struct bpf_insn *insn = &program[at];
        uint32_t *target = &registers[insn->dst_reg];
        uint32_t operand = BPF_SRC(insn->code) == BPF_X ? registers[insn->src_reg] : (uint32_t)insn->imm;
        switch (insn->code) {
        case BPF_LDX | BPF_MEM | BPF_W:
            assert(insn->src_reg == BPF_REG_1 && insn->off % 4 == 0 && insn->off <= 8);
            *target = context[insn->off / 4];
            break;
        case BPF_ALU | BPF_MOV | BPF_X:
        case BPF_ALU | BPF_MOV | BPF_K:
            *target = operand;
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            *target &= operand;
            break;
        case BPF_ALU | BPF_RSH | BPF_K:
            *target >>= operand;
            break;
        case BPF_JMP32 | BPF_JNE | BPF_K:
        case BPF_JMP32 | BPF_JEQ | BPF_K:
            if ((*target == operand) == (BPF_OP(insn->code) == BPF_JEQ))
                at += insn->off;
            break;
        case BPF_JMP | BPF_EXIT:
            return registers[0] != 0;
        default:
            abort();
        }
    }
    abort(); /* ran off the end */
}

static bool allowed(const char *rules, short type, short access, uint32_t major, uint32_t minor) {
    static struct bpf_insn program[DEVICE_PROGRAM_MAX];
    struct json_document document = parse(rules);
    int count = device_rules_compile(document.root, program);
    json_free(&document);
    assert(count > 0);
    return run_program(program, count, (uint32_t[]){(uint32_t)access << 16 | (uint32_t)type, major, minor});
}

static void check_device_rules(void) {
    static const char none[] = "[{\"allow\":false,\"access\":\"rwm\"}]", all[] = "[{\"allow\":true,\"access\":\"rwm\"}]";
    static const char kmsg[] = "[{\"allow\":false},{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":11,\"access\":\"r\"}]";
    static const char not_fuse[] = "[{\"allow\":true},{\"allow\":false,\"type\":\"c\",\"major\":10,\"minor\":229,\"access\":\"w\"}]";
    const short c = BPF_DEVCG_DEV_CHAR, b = BPF_DEVCG_DEV_BLOCK;
    const short m = BPF_DEVCG_ACC_MKNOD, r = BPF_DEVCG_ACC_READ, w = BPF_DEVCG_ACC_WRITE;
    for (size_t i = 0; i < 2; i++) {
        const char *rules = i == 0 ? none : "null";
        assert(allowed(rules, c, r | w, 1, 3) && allowed(rules, c, w, 136, 7) && allowed(rules, c, r, 5, 2));
        assert(!allowed(rules, c, r, 1, 1) && !allowed(rules, b, r, 254, 0) && !allowed(rules, b, r, 1, 3));
        assert(allowed(rules, c, m, 1, 1) && allowed(rules, b, m, 254, 0) && !allowed(rules, b, m | r, 254, 0));
    }
    assert(allowed(all, c, r | w | m, 1, 1) && allowed(all, b, r | w, 254, 0));
    assert(allowed(kmsg, c, r, 1, 11) && !allowed(kmsg, c, r | w, 1, 11) && !allowed(kmsg, b, r, 1, 11));
    assert(allowed(not_fuse, c, r, 10, 229) && !allowed(not_fuse, c, r | w, 10, 229) && allowed(not_fuse, c, w, 10, 230));
    struct bpf_insn program[DEVICE_PROGRAM_MAX];
    struct json_document document = parse("[{\"allow\":true,\"type\":\"x\"}]");
    assert(device_rules_compile(document.root, program) == -EINVAL);
    json_free(&document);
}

static void check_capabilities(void) {
    struct capabilities capabilities;
    const char *unknown = NULL;
    struct json_document document = parse("{\"bounding\":[\"CAP_CHOWN\",\"CAP_CHECKPOINT_RESTORE\"],\"ambient\":[\"CAP_KILL\"]}");
    assert(capabilities_parse(document.root, &capabilities, &unknown) == 0);
    assert(capabilities.bounding == (UINT64_C(1) << 40 | 1) && capabilities.ambient == 32 && capabilities.effective == 0);
    json_free(&document);
    document = parse("{\"effective\":[\"CHOWN\"]}");
    assert(capabilities_parse(document.root, &capabilities, &unknown) == -EINVAL && strcmp(unknown, "CHOWN") == 0);
    json_free(&document);
}

static void check_cgroup_paths(void) {
    static const char *const refused[] = {"..", "a/../b", "a//b", "a/", "/", "//a", "."};
    char path[CGROUP_PATH_MAX], long_path[CGROUP_PATH_MAX + 1];
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert(cgroup_path(refused[i], "id", path) == -EINVAL);
    assert(cgroup_path(NULL, "id", path) == 0 && strcmp(path, "docker/id") == 0);
    assert(cgroup_path("/a/b..c", "id", path) == 0 && strcmp(path, "a/b..c") == 0);
    memset(long_path, 'a', sizeof long_path);
    long_path[CGROUP_PATH_MAX] = '\0';
    assert(cgroup_path(long_path, "id", path) == -EINVAL);
}

/* Make path in the root and tell where it came to be, relative to the root. */
static void check_ensure(int root, const char *path, bool directory, const char *expected) {
    struct stat found, wanted;
    int fd = rootfs_ensure(root, path, directory);
    assert(fd >= 0 && fstat(fd, &found) == 0);
    assert(fstatat(root, expected, &wanted, AT_SYMLINK_NOFOLLOW) == 0);
    assert(found.st_ino == wanted.st_ino && found.st_dev == wanted.st_dev && S_ISDIR(found.st_mode) == directory);
    close(fd);
}

static void check_root_paths(void) {
    char name[] = "/tmp/runtime-test-XXXXXX";
    unsigned budget = 1000;
    assert(mkdtemp(name) != NULL);
    int root = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert(root >= 0 && mkdirat(root, "etc", 0755) == 0);
    check_ensure(root, "/dev", true, "dev");
    check_ensure(root, "/dev/pts", true, "dev/pts");
    check_ensure(root, "/a/b/../c//d/./file", false, "a/c/d/file");
    check_ensure(root, "/../../out", true, "out");
    assert(symlinkat("../run/resolve/conf", root, "etc/resolv.conf") == 0);
    check_ensure(root, "/etc/resolv.conf", false, "run/resolve/conf");
    assert(symlinkat("/../../../../abs/olute", root, "link") == 0);
    check_ensure(root, "/link/below", true, "abs/olute/below");
    assert(symlinkat("loop", root, "loop") == 0);
    assert(rootfs_ensure(root, "/loop/x", true) == -ELOOP);
    assert(rootfs_ensure(root, "/run/resolve/conf/x", true) == -ENOTDIR);
    assert(faccessat(AT_FDCWD, "/abs/olute", F_OK, 0) < 0);
    /* Links, by the lengths of what they hold. */
    assert(tree_size(root, "abs") == 0);
    const uint64_t links = tree_size(AT_FDCWD, name);
    assert(links == strlen("../run/resolve/conf") + strlen("/../../../../abs/olute") + strlen("loop"));
    assert(file_create(root, "file", "1234567890", 10) == 0);
    assert(linkat(root, "file", root, "etc/two", 0) == 0 && linkat(root, "file", root, "three", 0) == 0);
    assert(tree_size(AT_FDCWD, name) == links + 10 && tree_size(root, "nothing") == 0);
    close(root);
    assert(tree_remove(AT_FDCWD, name, &(unsigned){3}) == -EAGAIN);
    assert(tree_remove(AT_FDCWD, name, &budget) == 0 && access(name, F_OK) < 0);
}

int main(void) {
    check_mount_options();
    check_device_rules();
    check_capabilities();
    check_cgroup_paths();
    check_root_paths();
    return 0;
}
