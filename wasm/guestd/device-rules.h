/* Which devices a cgroup may use: OCI's list of rules as a BPF program (cgroup v2 has no devices controller). */
#ifndef DEVICE_RULES_H
#define DEVICE_RULES_H

#include <linux/bpf.h>
#include <stddef.h>

struct json_value;

#define DEVICE_RULES_MAX 256
#define DEVICE_PROGRAM_MAX (DEVICE_RULES_MAX * 12 + 8)

/* Compile OCI's linux.resources.devices, and runc's rules for the default devices after them. The last rule that fits
 * decides, and without one the answer is no. Returns the count of instructions, -EINVAL or -E2BIG. */
int device_rules_compile(const struct json_value *rules, struct bpf_insn program[DEVICE_PROGRAM_MAX]);
/* Compile and attach. The last program is kept, as most containers have the same. 0 or -errno. */
int device_rules_attach(int cgroup, const struct json_value *rules);

#endif
