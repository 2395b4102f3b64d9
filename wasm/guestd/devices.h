/* Device nodes and links of a container's /dev. */
#ifndef DEVICES_H
#define DEVICES_H

#include "failure.h"

struct json_value;

/* The default nodes (runtime-spec, config-linux.md#default-devices), the spec's linux.devices, and the links. Nothing is
 * made where /dev itself is a bind mount. */
int devices_make(const struct json_value *spec, int root, struct failure *failure);
/* Bind slave N of the container's devpts at /dev/console. After the mounts and the devices. */
int devices_bind_console(int root, int number, struct failure *failure);

#endif
