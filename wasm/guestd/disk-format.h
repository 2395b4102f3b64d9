/* The filesystem of a disk that is new. */
#ifndef DISK_FORMAT_H
#define DISK_FORMAT_H

/* What is on the device: 0 nothing, 1 a filesystem of ours, -EMEDIUMTYPE something else, or another -errno. */
int disk_probe(int device);
/* Write the filesystem that was made when guestd was built (disk-image.mjs). A crash on the way leaves nothing. */
int disk_format(int device);

#endif
