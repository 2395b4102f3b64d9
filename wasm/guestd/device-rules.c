#define _GNU_SOURCE
#include "device-rules.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "json.h"

struct rule {
    bool allow;
    short type;          /* BPF_DEVCG_DEV_*, or -1 for both */
    short access;        /* BPF_DEVCG_ACC_* */
    int64_t major, minor; /* -1: any */
};

#define ALL (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)

/* runc: libcontainer/specconv, AllowedDevices. */
static const struct rule defaults[] = {
    {true, BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_MKNOD, -1, -1},
    {true, BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_ACC_MKNOD, -1, -1},
    {true, BPF_DEVCG_DEV_CHAR, ALL, 1, 3},    /* null */
    {true, BPF_DEVCG_DEV_CHAR, ALL, 1, 8},    /* random */
    {true, BPF_DEVCG_DEV_CHAR, ALL, 1, 7},    /* full */
    {true, BPF_DEVCG_DEV_CHAR, ALL, 5, 0},    /* tty */
    {true, BPF_DEVCG_DEV_CHAR, ALL, 1, 5},    /* zero */
    {true, BPF_DEVCG_DEV_CHAR, ALL, 1, 9},    /* urandom */
    {true, BPF_DEVCG_DEV_CHAR, ALL, 136, -1}, /* pts */
    {true, BPF_DEVCG_DEV_CHAR, ALL, 5, 2},    /* ptmx */
};

static int parse_rule(const struct json_value *value, struct rule *rule) {
    const char *type = json_text(json_get(value, "type"), "a"), *access = json_text(json_get(value, "access"), "rwm");
    *rule = (struct rule){.allow = json_is_true(json_get(value, "allow")), .type = -1};
    rule->major = json_integer(json_get(value, "major"), -1);
    rule->minor = json_integer(json_get(value, "minor"), -1);
    if (rule->major > UINT32_MAX || rule->minor > UINT32_MAX)
        return -EINVAL;
    if (strcmp(type, "c") == 0 || strcmp(type, "u") == 0)
        rule->type = BPF_DEVCG_DEV_CHAR;
    else if (strcmp(type, "b") == 0)
        rule->type = BPF_DEVCG_DEV_BLOCK;
    else if (strcmp(type, "a") != 0 && *type != '\0')
        return -EINVAL;
    for (; *access != '\0'; access++) {
        short bit = *access == 'r' ? BPF_DEVCG_ACC_READ : *access == 'w' ? BPF_DEVCG_ACC_WRITE
                                                     : *access == 'm'  ? BPF_DEVCG_ACC_MKNOD
                                                                       : 0;
        if (bit == 0)
            return -EINVAL;
        rule->access = (short)(rule->access | bit);
    }
    return 0;
}

/* struct bpf_cgroup_dev_ctx {u32 access << 16 | type, major, minor} is in r1; r2 gets the type, r3 the access, r4 the major,
 * r5 the minor. */
#define INSTRUCTION(CODE, DST, SRC, OFF, IMM)                                                                          \
    ((struct bpf_insn){.code = (CODE), .dst_reg = (DST) & 15, .src_reg = (SRC) & 15, .off = (OFF), .imm = (IMM)})

static struct bpf_insn *emit_load(struct bpf_insn *at) {
    *at++ = INSTRUCTION(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, 0, 0);
    *at++ = INSTRUCTION(BPF_ALU | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
    *at++ = INSTRUCTION(BPF_ALU | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
    *at++ = INSTRUCTION(BPF_ALU | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
    *at++ = INSTRUCTION(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_4, BPF_REG_1, 4, 0);
    *at++ = INSTRUCTION(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_5, BPF_REG_1, 8, 0);
    return at;
}

/* An allowing rule must cover all that is asked for, a denying one any of it. Jumps lead behind the rule. */
static struct bpf_insn *emit_rule(struct bpf_insn *at, const struct rule *rule) {
    struct bpf_insn *start = at;
    if (rule->type >= 0)
        *at++ = INSTRUCTION(BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_2, 0, 0, rule->type);
    if (rule->access != ALL) {
        *at++ = INSTRUCTION(BPF_ALU | BPF_MOV | BPF_X, BPF_REG_0, BPF_REG_3, 0, 0);
        *at++ = INSTRUCTION(BPF_ALU | BPF_AND | BPF_K, BPF_REG_0, 0, 0, rule->allow ? ~rule->access & ALL : rule->access);
        *at++ = INSTRUCTION(BPF_JMP32 | (rule->allow ? BPF_JNE : BPF_JEQ) | BPF_K, BPF_REG_0, 0, 0, 0);
    }
    if (rule->major >= 0)
        *at++ = INSTRUCTION(BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_4, 0, 0, (int32_t)rule->major);
    if (rule->minor >= 0)
        *at++ = INSTRUCTION(BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_5, 0, 0, (int32_t)rule->minor);
    *at++ = INSTRUCTION(BPF_ALU | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, rule->allow);
    *at++ = INSTRUCTION(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    for (struct bpf_insn *jump = start; jump < at; jump++)
        if (BPF_CLASS(jump->code) == BPF_JMP32)
            jump->off = (short)(at - jump - 1);
    return at;
}

int device_rules_compile(const struct json_value *rules, struct bpf_insn program[DEVICE_PROGRAM_MAX]) {
    const size_t count_defaults = sizeof defaults / sizeof *defaults;
    struct rule parsed[DEVICE_RULES_MAX];
    size_t count = 0;
    for (const struct json_value *value = json_first(rules); value != NULL; value = value->next) {
        if (count == DEVICE_RULES_MAX - count_defaults)
            return -E2BIG;
        /* What comes before a rule about everything has no say (and the verifier no love for unreachable code). */
        if (parse_rule(value, &parsed[count]) < 0)
            return -EINVAL;
        const struct rule *rule = &parsed[count];
        if (rule->type < 0 && rule->access == ALL && rule->major < 0 && rule->minor < 0) {
            parsed[0] = *rule;
            count = 0;
        }
        count++;
    }
    memcpy(parsed + count, defaults, sizeof defaults);
    count += count_defaults;
    struct bpf_insn *at = emit_load(program);
    bool decided = false;
    while (count > 0) {
        const struct rule *rule = &parsed[--count];
        at = emit_rule(at, rule);
        decided = rule->type < 0 && rule->access == ALL && rule->major < 0 && rule->minor < 0;
    }
    if (!decided) {
        *at++ = INSTRUCTION(BPF_ALU | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0);
        *at++ = INSTRUCTION(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    }
    return (int)(at - program);
}

static int load(const struct bpf_insn *program, int count) {
    static const char license[] = "GPL";
    union bpf_attr attributes = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
                                 .insns = (uint64_t)(uintptr_t)program,
                                 .insn_cnt = (uint32_t)count,
                                 .license = (uint64_t)(uintptr_t)license};
    int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
    return fd < 0 ? -errno : fd;
}

int device_rules_attach(int cgroup, const struct json_value *rules) {
    static struct bpf_insn kept[DEVICE_PROGRAM_MAX];
    static int kept_count, kept_fd = -1;
    struct bpf_insn program[DEVICE_PROGRAM_MAX];
    int count = device_rules_compile(rules, program);
    if (count < 0)
        return count;
    size_t size = (size_t)count * sizeof *program;
    if (kept_fd < 0 || count != kept_count || memcmp(program, kept, size) != 0) {
        int fd = load(program, count);
        if (fd < 0)
            return fd;
        if (kept_fd >= 0)
            close(kept_fd);
        memcpy(kept, program, size);
        kept_count = count;
        kept_fd = fd;
    }
    union bpf_attr attributes = {.target_fd = (uint32_t)cgroup,
                                 .attach_bpf_fd = (uint32_t)kept_fd,
                                 .attach_type = BPF_CGROUP_DEVICE,
                                 .attach_flags = BPF_F_ALLOW_MULTI};
    return syscall(SYS_bpf, BPF_PROG_ATTACH, &attributes, sizeof attributes) < 0 ? -errno : 0;
}
