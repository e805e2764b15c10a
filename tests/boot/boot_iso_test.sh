#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Boots an ISO of the quickstart image to its login prompt, the ways that machines do it:
#   boot_iso_test.sh WAY ISO          WAY: bios, uefi, usb, usb-uefi (packaging/quickstart/boot-iso.sh)
#   boot_iso_test.sh WAY TREE_TO_ISO CACHE    makes image and ISO first; CACHE keeps them for the next
# Exits 77 (ctest: skipped) with the reason when this machine lacks a tool.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
quickstart=$here/../../packaging/quickstart
way=$1
source=$2
cache=${3:-}

for tool in qemu-system-x86_64 mmdebstrap mksquashfs xorriso grub-mkimage mformat; do
  command -v "$tool" >/dev/null || {
    echo "skipped: $tool is missing"
    exit 77
  }
done
[ -z "$cache" ] || [ "$(id -u)" = 0 ] || {
  echo "skipped: making the image needs root"
  exit 77
}

if [ -z "$cache" ]; then
  exec "$quickstart/boot-iso.sh" "$source" "$way"
fi

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9 # The ways share one image and one ISO, and QEMU wants the machine for itself.
"$quickstart/make-image.sh" "$cache/image"
key=$(cat "$cache/image/key" <(sha256sum <"$source"))
if [ "$(cat "$cache/iso.key" 2>/dev/null || true)" != "$key" ]; then
  work=$(mktemp -d "$cache/work.XXXXXX")
  trap 'rm -rf --one-file-system -- "$work"' EXIT
  mkdir "$work/root"
  for layer in base kernel config; do
    tar --extract --preserve-permissions --numeric-owner --xattrs --acls \
      --file "$cache/image/$layer.tar" --directory "$work/root"
  done
  "$source" "$work/root" "$work" "$cache/quickstart.iso"
  echo "$key" >"$cache/iso.key"
fi
"$quickstart/boot-iso.sh" "$cache/quickstart.iso" "$way"
