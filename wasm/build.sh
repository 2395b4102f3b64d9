#!/bin/bash
# Make everything under public/ again (`npm run guest:build`): kernel, BIOS, guestd, catalog, and the lock that tells
# their digests, sources and versions. On Debian, as root, with network. With --update, renew the pinned packages first.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/debian.sh"
need_tools arch-test bc bison cpio dpkg-source flex gcc gzip libdeflate-gzip lz4 make mmdebstrap node pkg-config python3 xz
[ $# = 0 ] || [ "$*" = --update ] || { echo 'build.sh [--update]' >&2; exit 2; }
[ $# = 0 ] || debian_update_lock

guest=$wasm/../public/guest
mkdir -p "$guest/test"
guest=$(realpath "$guest")
"$wasm/kernel/build.sh" "$guest/bzImage"
for file in bios.bin vgabios-stdvga.bin; do
  dpkg-deb --fsys-tarfile "$(debian_package seabios)" | tar -xO "./usr/share/seabios/$file" >"$guest/$file.tmp"
  mv "$guest/$file.tmp" "$guest/$file"
done
"$wasm/crun.sh" "$guest/test/crun.gz"
"$wasm/guestd/build.sh"
"$wasm/catalog/build.sh" "$@"
node "$wasm/lock.mjs" write
