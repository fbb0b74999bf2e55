#!/bin/sh
# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0

# elsewhere.sh RELEASE [VERB...]: a clean root of another Debian release in build/elsewhere/RELEASE, and
# ./run VERB in it, for each of the verbs; by default those of the README, tour and test. The bare root
# is kept for a week in COEVAL_ELSEWHERE, beside the packages and compiler results that it has brought.
# Its status is 77 where this machine cannot have such a root.

set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
release=${1:?a Debian release, say trixie}
shift
[ $# != 0 ] || set -- tour test

say() { printf 'coeval: %s\n' "$*" >&2; }
fail() {
  say "$*"
  exit 1
}
cannot() {
  say "$*"
  exit 77
}

[ "$(id -u)" = 0 ] ||
  cannot "./run elsewhere makes a root of another release with debootstrap and mounts, so it must run as root"
kept=${COEVAL_ELSEWHERE:-${XDG_CACHE_HOME:-$HOME/.cache}/coeval-elsewhere}/$release
place=$root/build/elsewhere/$release
log=$root/build/elsewhere/$release.log
mkdir -p "$kept/packages/partial" "$kept/ccache" "$root/build/elsewhere"

# The archive that this machine has its own packages from; none: debootstrap knows one.
mirror() {
  # shellcheck disable=SC2016  # apt-get's own variables
  apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL) $(COMPONENT)' 2>/dev/null |
    sed -n 's/ Debian Debian main$//p' | head -n 1
}

# What the root is made with comes over the network.
quietly() {
  if ! "$@" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    cannot "failed: $*
  the whole log: $log"
  fi
}

make_bare_root() {
  if ! command -v debootstrap >/dev/null; then
    say "installing debootstrap"
    quietly apt-get -q update
    quietly apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends debootstrap
  fi
  [ -e "/usr/share/debootstrap/scripts/$release" ] || cannot "debootstrap knows no release '$release'"
  say "making a root of $release, which takes some minutes, once a week"
  rm -rf --one-file-system -- "$kept/bare"
  # shellcheck disable=SC2046  # no mirror: no argument
  quietly debootstrap --variant=minbase --cache-dir="$kept/packages" \
    "$release" "$kept/bare" $(mirror)
  rm -rf --one-file-system -- "$kept/bare/var/cache/apt/archives/"*.deb
  tar -C "$kept/bare" -cf "$kept/bare.tar.new" .
  mv "$kept/bare.tar.new" "$kept/bare.tar"
  rm -rf --one-file-system -- "$kept/bare"
}

# Mounts are made in a namespace of their own, so that nothing is left of them whatever ends this.
if [ "${COEVAL_IN_NAMESPACE:-}" != 1 ]; then
  [ -n "$(find "$kept" -maxdepth 1 -name bare.tar -mtime -7)" ] || make_bare_root
  unshare --mount --propagation private true 2>/dev/null ||
    cannot "./run elsewhere needs mounts of its own, and this system refuses them to root (a container?)"
  COEVAL_IN_NAMESPACE=1 exec unshare --mount --propagation private --pid --fork --kill-child \
    "$0" "$release" "$@"
fi

rm -rf --one-file-system -- "$place"
mkdir -p "$place"
tar -C "$place" -xf "$kept/bare.tar"
for folder in dev sys; do
  mount --rbind "/$folder" "$place/$folder"
done
mount -t proc proc "$place/proc"
mkdir -p "$place/dev/shm" "$place/coeval" "$place/var/cache/apt/archives" "$place/var/cache/ccache"
mount -t tmpfs -o mode=1777 tmpfs "$place/dev/shm"
mount --bind "$kept/packages" "$place/var/cache/apt/archives"
mount --bind "$kept/ccache" "$place/var/cache/ccache"
cp /etc/resolv.conf "$place/etc/resolv.conf"
rm -f "$place/etc/apt/apt.conf.d/docker-clean"
echo 'Binary::apt::APT::Keep-Downloaded-Packages "true";' >"$place/etc/apt/apt.conf.d/keep"

# The files that belong to the project, as they are now.
(cd "$root" && git ls-files -z --cached --others --exclude-standard |
  tar --null --files-from=- --ignore-failed-read -cf - 2>/dev/null) | tar -C "$place/coeval" -xf -

# A verb may have arguments: ./run elsewhere trixie 'smoke clang++-17'
for verb in "$@"; do
  say "on $release: ./run $verb"
  # shellcheck disable=SC2086  # words are meant
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-dumb}" \
    LANG=C.UTF-8 CCACHE_DIR=/var/cache/ccache COEVAL_WERROR="${COEVAL_WERROR:-0}" \
    ${COEVAL_TEST_TIMEOUT:+COEVAL_TEST_TIMEOUT="$COEVAL_TEST_TIMEOUT"} \
    chroot "$place" /coeval/run $verb ||
    fail "./run $verb failed on $release; its root is left in build/elsewhere/$release"
done
say "on $release: all went well"
umount -l "$place/var/cache/apt/archives" "$place/var/cache/ccache" "$place/dev/shm" "$place/proc" \
  "$place/sys" "$place/dev"
rm -rf --one-file-system -- "$place"
