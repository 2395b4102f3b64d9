/* Directories of the runtime. */
#ifndef RUNTIME_PATHS_H
#define RUNTIME_PATHS_H

/* One-time preparations; called by each entry of runtime.h that starts something. 0 or -errno. */
int runtime_prepare(void);
/* Remove directory/name with all that is in it. A big tree is renamed and left to a child process. */
int runtime_discard(const char *directory, const char *name);

#endif
