#!/bin/sh
# Builds guestd and the initramfs that holds it. Needs gcc for i386 (gcc-multilib), lz4 and node.
# OUT: where `initramfs` goes; the page's files by default.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${OUT:-$here/../../public/guest}
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
make --no-print-directory -s -C "$here" BUILD="$build" all
node "$here/cpio.mjs" "$build/initramfs.cpio" "init=$build/guestd"
mkdir -p "$out"
# The kernel reads the old format alone, and is fastest at it.
lz4 -l -9 -q -f "$build/initramfs.cpio" "$out/initramfs"
ls -l "$out/initramfs"
