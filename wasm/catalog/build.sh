#!/bin/sh
# Build public/registry from packages.lock; with --update, renew the lock first.
# Debian with root, network and node 20: README.md lists the packages it uses.
set -eu
here=$(dirname "$(realpath "$0")")
missing=
for tool in apt-get arch-test dpkg-deb gcc libdeflate-gzip mmdebstrap node; do
  command -v "$tool" >/dev/null || missing="$missing $tool"
done
if [ -n "$missing" ]; then
  echo "build.sh: missing:$missing" >&2
  echo "Install: apt-get install arch-test dpkg gcc libdeflate-tools mmdebstrap nodejs" >&2
  exit 1
fi
if [ "$(id -u)" != 0 ]; then
  echo 'build.sh: must run as root, for owners, devices and chroot' >&2
  exit 1
fi
exec node "$here/build.mjs" "$@"
