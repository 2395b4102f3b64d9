# Sourced by the build scripts: Debian packages as pinned in kernel/packages.lock, from the mirror this machine's apt
# knows. apt works in a root of its own below $DRYDOCK_WORK; the machine's lists and packages stay as they are.
# shellcheck shell=bash

wasm=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
DRYDOCK_WORK=${DRYDOCK_WORK:-$wasm/work}
DEBIAN_RELEASE=bookworm
DEBIAN_LOCK=$wasm/kernel/packages.lock

# Name what is missing, with the packages it comes in, before any work is done.
need_tools() {
  local tool missing=()
  for tool in apt-get dpkg-deb sha256sum "$@"; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    echo "Missing: ${missing[*]}" >&2
    echo 'Install: apt-get install arch-test bc binutils bison build-essential cpio dpkg-dev flex gcc-multilib libdeflate-tools lz4 mmdebstrap nodejs pkg-config python3 xz-utils' >&2
    exit 1
  fi
}

# apt with our root: debian_apt get|cache ARGUMENTS
debian_apt() {
  local root=$DRYDOCK_WORK/apt command=$1
  shift
  "apt-$command" -qq -o Dir::Etc::sourcelist="$root/sources.list" -o Dir::Etc::sourceparts="$root/none" \
    -o Dir::Etc::preferencesparts="$root/none" -o Dir::State="$root" -o Dir::State::status="$root/status" \
    -o Dir::State::lists="$root/lists" -o Dir::Cache="$root/cache" -o APT::Architecture=amd64 -o APT::Architectures::=amd64 \
    -o APT::Architectures::=i386 -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

# Fetch the indexes once a run; the release's mirror has its backports too, whether this machine uses them or not.
debian_update() {
  local root=$DRYDOCK_WORK/apt site
  [ ! -e "$root/updated.$$" ] || return 0
  mkdir -p "$root"/{lists,machine,cache/archives}/partial "$root/none"
  : >"$root/status"
  # `indextargets` tells of fetched indexes only, and the machine may have none: fetch to ours.
  apt-get -qq -o Dir::State::lists="$root/machine" -o Dir::Cache="$root/cache" -o APT::Sandbox::User=root update
  site=$(apt-get -o Dir::State::lists="$root/machine" indextargets --format '$(SITE) $(CODENAME) $(COMPONENT)' \
    'Created-By: Packages' | awk -v release="$(. /etc/os-release && echo "$VERSION_CODENAME")" \
    '$2 == release && $3 == "main" { print $1; exit }')
  [ -n "$site" ] || { echo "Cannot find Debian's archive in this machine's apt sources" >&2; exit 1; }
  printf '%s\n' "deb [arch=amd64,i386] $site $DEBIAN_RELEASE main" "deb-src $site $DEBIAN_RELEASE main" \
    "deb [arch=amd64,i386] $site $DEBIAN_RELEASE-backports main" "deb-src $site $DEBIAN_RELEASE-backports main" \
    >"$root/sources.list"
  debian_apt get --error-on=any update
  rm -f "$root"/updated.*
  : >"$root/updated.$$"
}

# Path of the pinned package NAME, fetched where it is missing, checked against its digest.
debian_package() {
  local name version arch digest file
  read -r name version arch digest < <(awk -v name="$1" '$1 == name' "$DEBIAN_LOCK") ||
    { echo "$1 is not in packages.lock" >&2; exit 1; }
  file=$DRYDOCK_WORK/debs/${name}_${version//:/%3a}_$arch.deb
  if [ ! -e "$file" ]; then
    mkdir -p "$DRYDOCK_WORK/debs"
    debian_update >&2
    (cd "$DRYDOCK_WORK/debs" && debian_apt get download "$name:${arch/all/amd64}=$version" >&2) || {
      echo "Cannot get $name $version: the mirror may have a newer one, see wasm/kernel/packages.sh" >&2
      exit 1
    }
  fi
  echo "$digest  $file" | sha256sum --quiet --check >&2 || exit 1
  echo "$file"
}

# When the package was made, in seconds: the newest entry of its changelog.
debian_epoch() {
  local name stamps
  name=$(dpkg-deb --field "$1" Package)
  stamps=$(dpkg-deb --fsys-tarfile "$1" | tar -xO --wildcards "./usr/share/doc/$name/changelog*" | zcat |
    sed -n 's/^ -- .*>  //p')
  date -d "${stamps%%$'\n'*}" +%s
}

# Pin what apt would install today of everything in packages.lock: backports only where there is nothing else.
debian_update_lock() {
  local name arch version
  debian_update
  grep '^#' "$DEBIAN_LOCK" >"$DEBIAN_LOCK.tmp"
  grep -v '^#' "$DEBIAN_LOCK" | while read -r name _ arch _; do
    version=$(debian_apt cache policy "$name:${arch/all/amd64}" | sed -n 's/^ *Candidate: //p')
    printf '%s\t%s\t%s\t%s\n' "$name" "$version" "$arch" \
      "$(debian_apt cache show "$name:${arch/all/amd64}=$version" | sed -n 's/^SHA256: //p')"
  done >>"$DEBIAN_LOCK.tmp"
  mv "$DEBIAN_LOCK.tmp" "$DEBIAN_LOCK"
}

# The source package of the pinned package NAME, into this directory.
debian_source() {
  local version
  version=$(awk -v name="$1" '$1 == name { print $2 }' "$DEBIAN_LOCK")
  debian_update
  debian_apt get --download-only source "$1=$version"
}
