/* Filesystems that appear while the guest runs. */
#ifndef SHARES_H
#define SHARES_H

#include "failure.h"

struct json_value;

/* One directory per shared directory of the host's machine: "0", "1" … */
#define SHARES "/run/shares"

/* Mount the 9p device of that tag at SHARES; again is fine. */
int shares_mount(const char *tag, struct failure *failure);
/* {volume, options}: a tmpfs over the volume's directory, for all containers to share; again is fine. */
int volume_mount(const struct json_value *request, struct failure *failure);
/* Take it away, with what is in it; containers that have it keep it. */
int volume_unmount(const char *name, struct failure *failure);

#endif
