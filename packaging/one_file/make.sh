#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes one file of a program and the libraries it is linked to, for machines that lack them or have others:
#   packaging/one_file/make.sh PROGRAM VERSION OUTPUT
# Debian has no static archive of some of them, so they go along as they are, with the loader and their copyrights.
set -euo pipefail
program=$1 version=$2 output=$3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$work/tree/lib" "$work/tree/copyright"
ldd "$program" | sed -n -e 's|.* => \(/[^ ]*\) .*|\1|p' -e 's|^[[:space:]]*\(/[^ ]*\) .*|\1|p' | sort -u >"$work/libraries"
while read -r library; do
  name=$(basename "$library")
  case $name in ld-*) name=loader ;; esac
  cp -L "$library" "$work/tree/lib/$name"
  package=$(dpkg-query --search "*/$(basename "$(realpath "$library")")" | sed -n '1s/[:,].*//p')
  cp -L "/usr/share/doc/$package/copyright" "$work/tree/copyright/$package"
done <"$work/libraries"
chmod 755 "$work/tree/lib/loader"
cp "$program" "$work/tree/osartifact"
strip "$work/tree/osartifact"
cp "$here/../debian/copyright" "$work/tree/copyright/osartifact"

# In order of name, so the program comes last: where it lies, all the rest does.
tar --create --directory "$work/tree" --sort=name --owner=0 --group=0 --numeric-owner --mode=u+w,go-w,a+rX \
  --mtime="@${SOURCE_DATE_EPOCH:-0}" copyright lib osartifact | gzip -9n >"$work/archive"
digest=$(sha256sum "$work/archive" | cut -c 1-12)
head() { sed -e "s|@VERSION@|$version|g" -e "s|@DIGEST@|$digest|g" -e "s|@OFFSET@|$1|g" "$here/head.sh"; }
# As wide as the number is, so that writing it does not move it.
offset=$(($(head 0000 | wc -c) + 1))
{ head "$(printf %04d "$offset")" && cat "$work/archive"; } >"$output.new"
chmod 755 "$output.new"
mv "$output.new" "$output"
