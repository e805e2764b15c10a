#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the root that disks are boot-tested with: make_disk_tree.sh IMAGE ROOT
# IMAGE is what packaging/quickstart/make-image.sh made; it is no Kairos, so stand-ins are added for
# what a Kairos image has: the menu /etc/cos/grub.cfg; immucore, which finds the root in the initrd
# and runs the commands of /oem afterwards; kairos-agent, which prints what only this boot can know.
set -euo pipefail

image=$1
root=$2
for layer in base kernel config; do
  tar --extract --preserve-permissions --numeric-owner --xattrs --acls \
    --file "$image/$layer.tar" --directory "$root"
done
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

# As Kairos's own: the entry comes from grubenv on COS_OEM, kernel and initrd from the image.
mkdir -p "$root/etc/cos"
cat >"$root/etc/cos/grub.cfg" <<'CONF'
set timeout=0
set default=wrong
search --no-floppy --label --set=oem COS_OEM
load_env --file ($oem)/grubenv next_entry
if [ "${next_entry}" ]; then set default="${next_entry}"; fi
menuentry "the entry that grubenv does not name" --id wrong { halt }
menuentry "recovery" --id recovery {
  # Else the module of Debian's signed GRUB reads the whole image into memory to measure it.
  if [ "${grub_platform}" = efi ]; then rmmod tpm; fi
  search --no-floppy --label --set=root COS_RECOVERY
  loopback loop0 ($root)/cOS/recovery.img
  linux (loop0)/boot/vmlinuz console=ttyS0 panic=5 systemd.log_target=console
  initrd (loop0)/boot/initrd.img (loop0)/boot/standin.cpio
}
CONF

# immucore's stand-in in the initrd: dracut hooks that mount the image inside COS_RECOVERY.
hooks=$work/usr/lib/dracut/hooks
mkdir -p "$hooks/cmdline" "$hooks/mount" "$hooks/initqueue/finished"
echo 'root=standin; rootok=1' >"$hooks/cmdline/99-standin.sh"
echo '[ -e /dev/disk/by-label/COS_RECOVERY ]' >"$hooks/initqueue/finished/standin.sh"
cat >"$hooks/mount/10-standin.sh" <<'CONF'
mkdir -p /run/recovery /run/system /run/changes
mount -t ext2 -o ro /dev/disk/by-label/COS_RECOVERY /run/recovery
device=$(losetup --find --show --read-only /run/recovery/cOS/recovery.img)
mount -o ro "$device" /run/system
mount -t tmpfs changes /run/changes
mkdir /run/changes/upper /run/changes/work
mount -t overlay -o lowerdir=/run/system,upperdir=/run/changes/upper,workdir=/run/changes/work standin "$NEWROOT"
CONF
(cd "$work" && find . -print0 | sort -z | cpio --quiet --null --create --format=newc --owner=0:0) \
  >"$root/boot/standin.cpio"

# immucore's stand-in in the system: runs the reset command of /oem/01_reset.yaml.
cat >"$root/usr/bin/immucore" <<'CONF'
#!/bin/sh
mkdir -p /oem
mount -o ro /dev/disk/by-label/COS_OEM /oem
command=$(sed -n 's/^ *- \(kairos-agent .*\)/\1/p' /oem/01_reset.yaml)
exec $command
CONF
# kairos-agent's stand-in: a token of what was asked of it and of the cloud-config on the disk.
cat >"$root/usr/bin/kairos-agent" <<'CONF'
#!/bin/sh
token=$(printf '%s\n' "$*" | cat - /oem/90_custom.yaml | sha256sum | cut -d' ' -f1)
echo "boot-token $token" >/dev/ttyS0
CONF
chmod 0755 "$root/usr/bin/immucore" "$root/usr/bin/kairos-agent"
cat >"$root/etc/systemd/system/standin.service" <<'CONF'
[Unit]
DefaultDependencies=no
After=systemd-udev-trigger.service
[Service]
Type=oneshot
ExecStart=/usr/bin/immucore
CONF
mkdir -p "$root/etc/systemd/system/sysinit.target.wants"
ln -s ../standin.service "$root/etc/systemd/system/sysinit.target.wants/standin.service"
