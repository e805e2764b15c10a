#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes a small bootable Debian 12 as three layer tarballs and an OCI image layout:
#   make-image.sh [-f] [-n] OUTPUT
# gives OUTPUT/{base,kernel,config}.tar and OUTPUT/oci (tag "latest"). Needs root, mmdebstrap, python3
# and a Debian mirror. Run again with nothing changed it does nothing; -f makes it anew. -n: its initrd
# can fetch its root from a web server, for netboot (dracut's livenet).
#   DEBIAN_MIRROR=http://deb.debian.org/debian   SOURCE_DATE_EPOCH=...   (both optional)
# The image: kernel "cloud" (virtio, IDE, CD), dracut with dmsquash-live, systemd, a login prompt on
# ttyS0 and tty1; root logs in without a password. It is for trying things out.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
force=0
network=0
while getopts fn flag; do
  case $flag in
  f) force=1 ;;
  n) network=1 ;;
  *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
output=${1:?usage: make-image.sh [-f] [-n] OUTPUT}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
security=${DEBIAN_SECURITY_MIRROR:-http://deb.debian.org/debian-security}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1767225600}

for tool in mmdebstrap python3 tar sha256sum gzip; do
  command -v "$tool" >/dev/null || {
    echo "make-image.sh: $tool is needed: apt-get install mmdebstrap python3-minimal" >&2
    exit 1
  }
done
[ "$(id -u)" = 0 ] || {
  echo "make-image.sh: must run as root" >&2
  exit 1
}

mkdir -p "$output"
output=$(cd "$output" && pwd)
key=$({
  cat "$here/make-image.sh" "$here/make-oci-layout.py"
  echo "$mirror $security $SOURCE_DATE_EPOCH $network"
} | sha256sum | cut -d' ' -f1)
if [ "$force" = 0 ] && [ "$(cat "$output/key" 2>/dev/null || true)" = "$key" ]; then
  echo "$output/oci"
  exit 0
fi
rm -f "$output/key"

# Only the name that mktemp gave is ever removed, and never across a mount left behind.
work=$(mktemp -d "${TMPDIR:-/var/tmp}/quickstart.XXXXXX")
trap 'rm -rf --one-file-system -- "$work"' EXIT
root=$work/root

packages=systemd-sysv,udev,kmod,login,passwd,util-linux,mount,iproute2,procps
packages+=,linux-image-cloud-amd64,dracut-core,dracut-live,dmsetup,zstd,libkmod2
modules="bash base fs-lib udev-rules kernel-modules rootfs-block img-lib dm dmsquash-live shutdown"
drivers="isofs squashfs overlay loop sr_mod cdrom sd_mod ata_piix ata_generic virtio_pci virtio_blk virtio_scsi"
if [ "$network" = 1 ]; then
  packages+=,dracut-network,curl
  modules+=" network-legacy url-lib livenet"
  drivers+=" virtio_net"
fi

# What dracut needs to know before the kernel's own post-installation script calls it.
cat >"$work/dracut.conf" <<CONF
hostonly="no"
early_microcode="no"
compress="zstd -3 -T0"
dracutmodules="$modules"
filesystems="iso9660 squashfs overlay ext4 vfat"
add_drivers="$drivers nls_ascii nls_cp437 nls_utf8 nls_iso8859-1 vfat dm_mod dm_snapshot"
omit_drivers="nouveau amdgpu i915 radeon mlx4 mlx5 nvme_rdma hid usbhid"
i18n_install_all="no"
reproducible="yes"
CONF

# The kernel's own script may call dracut before dracut-live is there, hence once more at the end.
mmdebstrap --mode=root --variant=essential --include="$packages" \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
  --dpkgopt='path-exclude=/usr/share/i18n/*' --dpkgopt='path-exclude=/usr/lib/x86_64-linux-gnu/gconv/*' \
  --aptopt='APT::Install-Recommends "false"' \
  --setup-hook="mkdir -p \"\$1/etc/dracut.conf.d\"" \
  --setup-hook="cp '$work/dracut.conf' \"\$1/etc/dracut.conf.d/quickstart.conf\"" \
  --customize-hook='for modules in "$1"/usr/lib/modules/*; do
    version=${modules##*/}
    chroot "$1" dracut --force --reproducible --kver "$version" "/boot/initrd.img-$version"
  done' \
  bookworm "$root" \
  "deb $mirror bookworm main" "deb $mirror bookworm-updates main" "deb $security bookworm-security main"

version=$(basename "$(echo "$root"/boot/vmlinuz-*)" | sed 's/^vmlinuz-//')
chmod 0644 "$root/boot/initrd.img-$version"
ln -sfn "vmlinuz-$version" "$root/boot/vmlinuz"
ln -sfn "initrd.img-$version" "$root/boot/initrd.img"
rm -f "$root/vmlinuz" "$root/vmlinuz.old" "$root/initrd.img" "$root/initrd.img.old"

# Configuration: everything written below is the third layer.
config=$work/config
mkdir -p "$config/etc/systemd/system"
echo quickstart >"$config/etc/hostname"
printf '127.0.0.1 localhost quickstart\n::1 localhost\n' >"$config/etc/hosts"
: >"$config/etc/fstab"
: >"$config/etc/machine-id" # Empty: each boot gets its own, and no first-boot questions are asked.
printf '[Journal]\nStorage=volatile\n' >"$config/etc/journald.conf"
mask() { ln -s /dev/null "$config/etc/systemd/system/$1"; }
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
  e2scrub_reap.service fstrim.timer systemd-timesyncd.service systemd-networkd.service \
  systemd-pstore.service systemd-firstboot.service systemd-random-seed.service \
  systemd-hwdb-update.service systemd-update-utmp.service systemd-update-utmp-runlevel.service \
  systemd-journal-flush.service systemd-remount-fs.service sys-kernel-debug.mount \
  sys-kernel-tracing.mount dev-hugepages.mount dev-mqueue.mount modprobe@.service \
  systemd-tmpfiles-clean.timer systemd-binfmt.service proc-sys-fs-binfmt_misc.automount \
  systemd-sysctl.service systemd-logind.service; do
  mask "$unit"
done
ln -s /lib/systemd/system/multi-user.target "$config/etc/systemd/system/default.target"
sed 's|^root:[^:]*:|root::|' "$root/etc/shadow" >"$config/etc/shadow"
chmod 0640 "$config/etc/shadow"
chown 0:42 "$config/etc/shadow"
cat >"$config/etc/motd" <<'CONF'
osartifact quickstart image (Debian 12). root has no password: for trying things out only.
CONF

rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/* "$root"/tmp/* \
  "$root/etc/machine-id" "$root/var/lib/dbus" "$root"/var/cache/ldconfig/* "$root"/var/lib/systemd/random-seed
rm -f "$root"/dev/* 2>/dev/null || true

layer() { # NAME FOLDER TAR-ARGUMENTS...
  local name=$1 folder=$2
  shift 2
  tar --create --file "$output/$name.tar.partial" --directory "$folder" --format=posix \
    --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime --sort=name \
    --numeric-owner --xattrs --acls --mtime="@$SOURCE_DATE_EPOCH" "$@"
  mv "$output/$name.tar.partial" "$output/$name.tar"
}
layer base "$root" --exclude='./boot/*' --exclude='./usr/lib/modules/*' --exclude='./proc/*' \
  --exclude='./sys/*' --exclude='./dev/*' --exclude='./run/*' .
layer kernel "$root" ./boot ./usr/lib/modules
layer config "$config" --owner=0 --group=0 --exclude='./etc/shadow' ./etc
tar --append --file "$output/config.tar" --directory "$config" --format=posix --numeric-owner \
  --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime \
  --mtime="@$SOURCE_DATE_EPOCH" ./etc/shadow

rm -rf --one-file-system -- "$output/oci"
python3 "$here/make-oci-layout.py" "$output/oci" "$SOURCE_DATE_EPOCH" \
  "$output/base.tar" "$output/kernel.tar" "$output/config.tar"
echo "$key" >"$output/key"
echo "$output/oci"
