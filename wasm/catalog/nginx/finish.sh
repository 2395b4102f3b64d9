#!/bin/sh
# nginx logs to the container's output, and serves /usr/share/nginx/html. usage: finish.sh ROOT
set -eu
root=$1
chmod 755 "$root/docker-entrypoint.sh" "$root"/docker-entrypoint.d/*.sh
rm -rf "$root/etc/nginx/sites-enabled" "$root/etc/nginx/sites-available" "$root/var/www/html"
rm -f "$root/usr/share/nginx/html/index.nginx-debian.html"
ln -sf /dev/stdout "$root/var/log/nginx/access.log"
ln -sf /dev/stderr "$root/var/log/nginx/error.log"
