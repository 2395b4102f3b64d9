#!/bin/sh
# redis keeps its data in /data and runs without a file of settings. usage: finish.sh ROOT
set -eu
root=$1
chmod 755 "$root/usr/local/bin/docker-entrypoint.sh"
mkdir -p "$root/data"
chown --reference="$root/var/lib/redis" "$root/data"
rm -rf "$root/etc/redis" "$root/var/lib/redis" "$root/var/log/redis"
