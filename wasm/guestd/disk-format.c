#define _GNU_SOURCE
#include "disk-format.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 4096u
#define SUPERBLOCK 1024u
#define EXT4_MAGIC 0xef53u

/* Runs of bytes, each block, offset, length and the bytes; the last one has none. */
extern const uint8_t disk_image[];
__asm__(".pushsection .rodata\n"
        ".balign 16\n"
        ".global disk_image\n"
        "disk_image: .incbin \"" DISK_IMAGE "\"\n"
        ".popsection\n");

static uint16_t load16(const uint8_t *bytes) { return (uint16_t)(bytes[0] | bytes[1] << 8); }

static uint32_t load32(const uint8_t *bytes) { return load16(bytes) | (uint32_t)load16(bytes + 2) << 16; }

static int write_all(int device, const uint8_t *bytes, size_t length, off_t offset) {
    while (length > 0) {
        const ssize_t done = pwrite(device, bytes, length, offset);
        if (done < 0)
            return -errno;
        bytes += done;
        offset += done;
        length -= (size_t)done;
    }
    return 0;
}

int disk_probe(int device) {
    static uint8_t start[16 * BLOCK];
    const ssize_t length = pread(device, start, sizeof start, 0);
    if (length < 0)
        return -errno;
    if ((size_t)length < sizeof start)
        return -ENOSPC;
    if (load16(start + SUPERBLOCK + 56) == EXT4_MAGIC)
        return memcmp(start + SUPERBLOCK + 120, "drydock", 8) == 0 ? 1 : -EMEDIUMTYPE;
    /* Block 0 comes last when it is made: what else there is may be left of an attempt. */
    for (size_t i = 0; i < BLOCK; i++)
        if (start[i] != 0)
            return -EMEDIUMTYPE;
    return 0;
}

/* All blocks but the first, or the first alone. */
static int write_blocks(int device, bool first) {
    static uint8_t block[BLOCK];
    uint32_t current = UINT32_MAX;
    for (const uint8_t *run = disk_image;;) {
        const uint32_t number = load32(run);
        const uint16_t offset = load16(run + 4), length = load16(run + 6);
        if (number != current || length == 0) {
            if (current != UINT32_MAX && (current == 0) == first) {
                const int error = write_all(device, block, sizeof block, (off_t)current * BLOCK);
                if (error < 0)
                    return error;
            }
            memset(block, 0, sizeof block);
            current = number;
        }
        if (length == 0)
            return fsync(device) < 0 ? -errno : 0;
        memcpy(block + offset, run + 8, length);
        run += 8 + length;
    }
}

int disk_format(int device) {
    const int error = write_blocks(device, false);
    return error < 0 ? error : write_blocks(device, true);
}
