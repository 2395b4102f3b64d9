/* The guest as a whole: identity, clock, entropy, the kernel's log. */
#ifndef HOST_H
#define HOST_H

struct failure;
struct json_value;
struct json_writer;

#define HOST_MACHINE_ID "/run/drydock/machine-id"

/* Request `configure`. */
int host_configure(const struct json_value *request, struct failure *failure);
/* Seconds since 1970, with a fraction. */
int host_set_clock(const struct json_value *time, struct failure *failure);
int host_put_kernel_log(struct json_writer *result, struct failure *failure);

#endif
