#!/bin/bash
# Build Debian's crun for i386 as one static program: crun.sh OUTPUT
# It is the oracle of guestd's own runtime: tests/guest runs the same bundles through both. It is no part of the guest.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/debian.sh"
output=$(realpath -m "${1:?crun.sh OUTPUT}")
need_tools dpkg-source gcc gzip make pkg-config python3

work=$DRYDOCK_WORK/crun
rm -rf "$work" && mkdir -p "$work/root"
for library in libcap-dev libseccomp-dev libyajl-dev; do
  dpkg-deb -x "$(debian_package "$library")" "$work/root"
done
(cd "$work" && debian_source crun && dpkg-source --extract crun_*.dsc tree)

cd "$work/tree"
lib=$work/root/usr/lib/i386-linux-gnu
# Debian names yajl's static archive apart; configure asks for -lyajl.
ln -s libyajl_s.a "$lib/libyajl.a"
# The sources' own configure: the date of its files must not make make look for autoconf.
find . -exec touch -d "@$(debian_epoch "$(debian_package crun)")" {} +
export PKG_CONFIG_LIBDIR=$lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$work/root
./configure --quiet --host=i686-linux-gnu --build=x86_64-linux-gnu --disable-systemd --disable-criu --disable-shared \
  CC='gcc -m32' AR=ar RANLIB=ranlib CFLAGS="-Os -ffile-prefix-map=$work=" CPPFLAGS="-I$work/root/usr/include" LDFLAGS="-L$lib -static"
make -s git-version.h
make -s -j2 -C libocispec libocispec.la
make -s -j2 V=0 crun LDFLAGS="-L$lib -all-static"
strip crun
install -d "$(dirname "$output")"
gzip -9nc crun >"$output.tmp"
mv "$output.tmp" "$output"
