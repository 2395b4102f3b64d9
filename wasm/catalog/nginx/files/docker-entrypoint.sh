#!/bin/sh
# Run what is in /docker-entrypoint.d before nginx, then nginx in this process's place.
set -e
case $1 in
nginx | nginx-debug)
  for script in /docker-entrypoint.d/*.sh; do
    if [ -x "$script" ]; then "$script"; fi
  done
  ;;
esac
exec "$@"
