#!/bin/sh
# Lay out what guestd's boot does, in a mount and pid namespace of its own, and run runtime-shell there.
# Usage: runtime-shell.sh PROGRAM TREE < frames; TREE is a directory with a root file system (busybox).
set -e
program=$(realpath "$1") tree=$(realpath "$2")
exec unshare --mount --pid --fork --ipc --uts --propagation private sh -ec '
root=$(mktemp -d)
mount -t tmpfs -o mode=0755 root "$root"
mkdir "$root/bin" "$root/dev" "$root/proc" "$root/sys" "$root/run" "$root/tmp" "$root/etc" "$root/old"
cp "$1" "$root/bin/runtime-shell"
mount -t tmpfs -o nosuid,mode=0755 dev "$root/dev"
for node in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
  set -- "$1" "$2" $node
  mknod -m 666 "$root/dev/$3" c "$4" "$5"
done
mkdir "$root/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$root/dev/pts"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t sysfs -o nosuid,nodev,noexec sysfs "$root/sys"
mount -t tmpfs cgroup "$root/sys/fs/cgroup" 2>/dev/null || true
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o nosuid,nodev,mode=0755 run "$root/run"
mount -t tmpfs -o nosuid,nodev,mode=1777 tmp "$root/tmp"
mkdir -p "$root/run/drydock" "$root/run/trees/11111111111111111111111111111111"
mount --bind -o ro "$2" "$root/run/trees/11111111111111111111111111111111"
cd "$root"
pivot_root . old
exec /bin/runtime-shell' sh "$program" "$tree"
