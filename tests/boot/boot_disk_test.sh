#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Boots a disk made of the quickstart image until it prints a token that only it can make:
#   boot_disk_test.sh WAY TREE_TO_DISK CACHE      WAY: uefi, bios, vhd or gce (both on UEFI)
# Exits 77 (ctest: skipped) with the reason when this machine lacks a tool.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
way=$1
tree_to_disk=$2
cache=$3

for tool in qemu-system-x86_64 qemu-img mmdebstrap cpio sfdisk grub-mkimage mformat; do
  PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null || {
    echo "skipped: $tool is missing"
    exit 77
  }
done
[ "$(id -u)" = 0 ] || {
  echo "skipped: making the image needs root"
  exit 77
}

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9 # The ways share one image, and QEMU wants the machine for itself.
"$here/../../packaging/quickstart/make-image.sh" "$cache/image"
work=$(mktemp -d "$cache/disk.XXXXXX")
trap 'rm -rf --one-file-system -- "$work"' EXIT
mkdir "$work/root" "$work/work"
"$here/make_disk_tree.sh" "$cache/image" "$work/root"
printf '#cloud-config\n# %s\n' "$(cat /proc/sys/kernel/random/uuid)" >"$work/cloud-config.yaml"
token=$({
  echo "--debug reset --unattended --reboot"
  cat "$work/cloud-config.yaml"
} | sha256sum | cut -d' ' -f1)

firmware=uefi
form=raw
case $way in
bios) firmware=bios ;;
vhd | gce) form=$way ;;
esac
"$tree_to_disk" "$work/root" "$work/work" "$work/made" "$firmware" "$form" "$work/cloud-config.yaml"
rm -rf --one-file-system -- "$work/root"
disk=$work/made
case $way in
vhd)
  qemu-img convert -f vpc -O raw "$work/made" "$work/disk.raw"
  disk=$work/disk.raw
  ;;
gce)
  tar --extract --sparse --gzip --file "$work/made" --directory "$work"
  disk=$work/disk.raw
  ;;
esac
"$here/boot_disk.sh" "$disk" "$firmware" "boot-token $token"
