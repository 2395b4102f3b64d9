#!/bin/bash
# Fetch the source package of every Debian package in the committed artifacts, at exactly its version: sources.sh FOLDER
# [kernel|bios|guestd|crun|catalog]... Without names: all of them. NOTICES.md says which artifact holds what.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/debian.sh"
folder=${1:?sources.sh FOLDER [kernel|bios|guestd|crun|catalog]...}
shift
need_tools node

mkdir -p "$folder"
cd "$folder"
debian_update
node "$wasm/lock.mjs" packages "$@" | while read -r name version arch; do
  fields=$(debian_apt cache show "$name:${arch/all/amd64}=$version")
  # A binary's version differs from its source's after a rebuild (+b1); `Source:` tells both then.
  source=$(sed -n 's/^Source: //p' <<<"$fields" | head -n1)
  case $source in
  *' ('*) echo "${source%% *}=$(sed 's/.*(\(.*\))/\1/' <<<"$source")" ;;
  *) echo "${source:-$name}=$version" ;;
  esac
done | sort -u | while read -r source; do
  echo "$source"
  debian_apt get --download-only source "$source" </dev/null
done
