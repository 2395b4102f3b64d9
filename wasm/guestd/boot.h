/* From the kernel's hands to a system that can start containers. */
#ifndef BOOT_H
#define BOOT_H

/* Mounts, root, cgroups, loopback, limits, signals. As PID 1 only; what fails is told on the console and skipped, as
 * there is nobody else who could do better. */
void boot(void);

#endif
