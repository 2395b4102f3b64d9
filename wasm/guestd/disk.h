/* The disk: ext4 on virtio-blk, with containers' writable layers, volumes and the host root's own files. */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "failure.h"

struct json_writer;

#define DISK "/run/disk"
#define DISK_UPPERS DISK "/uppers"
#define DISK_VOLUMES DISK "/volumes"
#define DISK_HOST DISK "/host"

bool disk_is_mounted(void);
/* Mount it, with `size` bytes; an empty one gets a filesystem first, one that is smaller than its disk grows. */
int disk_mount(uint64_t size, struct failure *failure);
/* {uppers: [id], volumes: [name], size, free}: what is there, in no order. */
int disk_put_list(struct json_writer *result, struct failure *failure);
/* Make the directory of a volume; an existing one stays as it is. */
int disk_make_volume(const char *name, struct failure *failure);
/* Remove it with all in it; an absent one is fine. */
int disk_remove_volume(const char *name, struct failure *failure);
/* {bytes}: what is in a volume. */
int disk_put_volume_usage(const char *name, struct json_writer *result, struct failure *failure);
/* {bytes}: what a container has written to its layer; 0 for one that is not there. */
int disk_put_layer_usage(const char *container, struct json_writer *result, struct failure *failure);
/* Everything written is on the disk when it returns. */
int disk_sync(struct failure *failure);

#endif
