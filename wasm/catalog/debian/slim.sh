#!/bin/sh
# Finish a tree made by mmdebstrap as debian:12-slim has it, without traces of the build.
# usage: slim.sh ROOT SOURCES-LIST-EXAMPLE (a file below ROOT that names Debian's public archive)
set -eu
root=$1

# Containers share a kernel and a disk with others: apt and dpkg behave as in Docker's Debian images.
mv "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap" "$root/etc/dpkg/dpkg.cfg.d/docker-slim"
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/docker-apt-speedup"
cat >"$root/etc/apt/apt.conf.d/docker" <<'CONF'
Acquire::GzipIndexes "true";
Acquire::Languages "none";
APT::AutoRemove::SuggestsImportant "false";
APT::Keep-Downloaded-Packages "false";
CONF
rm -f "$root/etc/apt/apt.conf.d/99mmdebstrap"
printf '#!/bin/sh\n\n# Services are not started in a container by installing them.\nexit 101\n' \
  >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"

# What apt's own example lists is the public archive; the mirror of the build is nobody's business.
sed -n 's/^deb \([^ ]*\) \([^ ]*\) main .*/\1 \2/p' "$2" | while read -r site suite; do
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "$site" "$suite"
  printf 'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n'
done >"$root/etc/apt/sources.list.d/debian.sources"
test -s "$root/etc/apt/sources.list.d/debian.sources"
rm -f "$root/etc/apt/sources.list"

rm -rf "$root/usr/share/doc-base" "$root"/usr/share/locale/* "$root"/usr/share/man/*
find "$root/usr/share/doc" -mindepth 1 -type d -empty -delete
rm -f "$root/var/cache/ldconfig/aux-cache" "$root"/var/cache/debconf/*-old
rm -f "$root"/var/lib/dpkg/*-old "$root"/etc/passwd- "$root"/etc/group- "$root"/etc/shadow-
rm -f "$root"/etc/gshadow- "$root"/etc/subuid- "$root"/etc/subgid- "$root/etc/.pwd.lock"
find "$root/var/log" -type f ! -name btmp ! -name wtmp ! -name lastlog ! -name faillog -delete
find "$root/var/log" -type f -exec truncate -s 0 {} +
# The lists are of the build's own folder.
find "$root/var/lib/apt/lists" -mindepth 1 -delete
rm -f "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb
find "$root/run" "$root/tmp" -mindepth 1 -delete
for file in hostname resolv.conf; do
  : >"$root/etc/$file"
  chmod 644 "$root/etc/$file"
done
