#!/bin/sh
# The registry is there by its usual name, with its data in /var/lib/registry. usage: finish.sh ROOT
set -eu
root=$1
ln -s ../../bin/docker-registry "$root/usr/local/bin/registry"
mkdir -p "$root/var/lib/registry"
