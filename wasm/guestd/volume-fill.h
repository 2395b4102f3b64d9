/* A volume that is used for the first time gets what the image has in its place. */
#ifndef VOLUME_FILL_H
#define VOLUME_FILL_H

/* source: the volume's directory, left alone when something is in it. Its files appear at once or not at all. destination is
 * resolved in root; nothing there, or no directory, is fine. 0 or -errno. */
int volume_fill(const char *source, int root, const char *destination);

#endif
