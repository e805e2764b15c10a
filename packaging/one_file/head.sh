#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# osartifact @VERSION@ in one file: this script, then an archive of the program and of every library that it is
# linked to. The first run unpacks it into $OSARTIFACT_PROGRAM_DIR, else into osartifact/ of $XDG_CACHE_HOME, of
# ~/.cache, or of /var/cache; later ones only start what lies there. Needs sh, mkdir, mktemp, mv, tail, gzip and tar.
set -eu
parent=${OSARTIFACT_PROGRAM_DIR:-${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}}
[ -n "${OSARTIFACT_PROGRAM_DIR:-}" ] || parent=${parent:-/var/cache}/osartifact
program=$parent/program-@VERSION@-@DIGEST@

unpack() {
  mkdir -p "$parent" && new=$(mktemp -d "$parent/new.XXXXXX") || return 1
  trap 'rm -rf "$new"' EXIT
  tail -c +@OFFSET@ "$0" | gzip -dc | tar -xf - -C "$new" || return 1
  # Whoever was first is as good: the name says what is in it.
  mv -T "$new" "$program" 2>/dev/null || [ -e "$program/osartifact" ] || return 1
  rm -rf "$new"
  trap - EXIT
}

if [ ! -e "$program/osartifact" ]; then
  unpack || {
    echo "error: osartifact cannot unpack itself into $parent" >&2
    echo "  try: OSARTIFACT_PROGRAM_DIR=DIR, a folder of yours with 70 MB free, on a file system that lets programs run" >&2
    exit 8
  }
fi
exec "$program/lib/loader" --argv0 osartifact --library-path "$program/lib" "$program/osartifact" "$@"
