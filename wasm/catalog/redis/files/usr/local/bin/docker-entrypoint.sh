#!/bin/sh
# Arguments alone mean redis-server's; as root, hand the data to redis and become it.
set -e
case ${1:-} in
-* | *.conf) set -- redis-server "$@" ;;
esac
if [ "$1" = redis-server ]; then
  # Without a file of settings, others may connect: a container's network is what protects it.
  case ${2:-} in
  '' | -*) set -- "$@" --protected-mode no ;;
  esac
  if [ "$(id -u)" = 0 ]; then
    find . \! -user redis -exec chown redis '{}' +
    exec setpriv --reuid=redis --regid=redis --clear-groups -- "$@"
  fi
fi
exec "$@"
