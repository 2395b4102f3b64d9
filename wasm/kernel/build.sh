#!/bin/bash
# Build the guest's kernel from Debian's linux-source-6.12: build.sh OUTPUT
# The same source, gcc and binutils give the same bytes. Work stays in $DRYDOCK_WORK (wasm/work) for the next build.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
. "$here/../debian.sh"
output=$(realpath -m "${1:?build.sh OUTPUT}")
need_tools bison bc flex gcc ld lz4 make xz

work=$DRYDOCK_WORK/kernel
deb=$(debian_package linux-source-6.12)
tree=$work/$(basename "$deb" .deb)
if [ ! -e "$tree/.unpacked" ]; then
  rm -rf "$tree" && mkdir -p "$tree"
  dpkg-deb --fsys-tarfile "$deb" | tar -xO ./usr/src/linux-source-6.12.tar.xz | tar -xJ --strip-components=1 -C "$tree"
  touch "$tree/.unpacked"
fi

cat "$here"/*.config >"$work/wanted"
make -s -C "$tree" ARCH=i386 KCONFIG_ALLCONFIG="$work/wanted" allnoconfig
# kconfig drops what it cannot have without a word: every line of ours must have come true.
while read -r line; do
  case $line in
  CONFIG_*) grep -qxF -- "$line" "$tree/.config" ;;
  '# CONFIG_'*' is not set') ! grep -q "^$(cut -d' ' -f2 <<<"$line")=" "$tree/.config" ;;
  *) true ;;
  esac || { echo "build.sh: the kernel cannot have: $line" >&2; exit 1; }
done <"$work/wanted"

# Nothing of this machine or moment in the image; timestamps from the package's changelog.
epoch=$(date -u -d "@$(debian_epoch "$deb")" '+%a %b %e %H:%M:%S UTC %Y')
LC_ALL=C nice make -s -C "$tree" -j2 ARCH=i386 KCFLAGS="-ffile-prefix-map=$tree/=" \
  KBUILD_BUILD_TIMESTAMP="$epoch" KBUILD_BUILD_USER=drydock KBUILD_BUILD_HOST=drydock KBUILD_BUILD_VERSION=1 bzImage
install -D -m644 "$tree/arch/x86/boot/bzImage" "$output.tmp"
mv "$output.tmp" "$output"
