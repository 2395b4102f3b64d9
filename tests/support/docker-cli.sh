#!/usr/bin/env bash
# Unpack Debian sid's docker CLI and its compose below DIR and print the CLI's path. The machine's own packages and lists stay
# untouched. There is no buildx: `docker build` is the classic one.
#   docker-cli.sh DIR
set -euo pipefail
dir=${1:?usage: docker-cli.sh DIR}
docker=$dir/root/usr/bin/docker
# Test files run side by side, and the first ones find nothing.
mkdir -p "$dir"
exec 9>"$dir/lock"
flock 9
if [ -x "$docker" ] && [ -x "$dir/root/usr/libexec/docker/cli-plugins/docker-compose" ]; then
  echo "$docker"
  exit 0
fi

debian_site() { apt-get indextargets --format '$(SITE)' | grep -m1 '/debian$' || true; }
site=$(debian_site)
if [ -z "$site" ] && [ "$(id -u)" = 0 ]; then
  # A machine that was set up without lists, or cleaned of them.
  apt-get -qq update >&2
  site=$(debian_site)
fi
[ -n "$site" ] || { echo 'run apt-get update once first' >&2; exit 1; }
mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
: >"$dir/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site sid main" >"$dir/sid.list"
apt=(apt-get -qq
  -o "Dir::Etc::sourcelist=$dir/sid.list" -o Dir::Etc::sourceparts=-
  -o "Dir::State::lists=$dir/lists" -o "Dir::State::status=$dir/status"
  -o "Dir::Cache=$dir/cache" -o APT::Sandbox::User=root)
"${apt[@]}" update >&2
cd "$dir"
"${apt[@]}" download docker-cli docker-compose >&2
rm -rf "$dir/new"
for package in docker-cli_*.deb docker-compose_*.deb; do dpkg-deb -x "$package" "$dir/new"; done
rm -rf "$dir/root"
mv "$dir/new" "$dir/root"
rm -rf docker-c*.deb "$dir/lists" "$dir/cache"
echo "$docker"
