#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Boots an ISO in QEMU and waits for the login prompt on its serial console:
#   boot-iso.sh ISO [bios|uefi|usb|usb-uefi] [SERIAL-LOG]
# bios, uefi: as a CD. usb, usb-uefi: the same bytes as a plain disk, as on a stick.
# Prints the serial log and exits 0 when the prompt came; else says how far it got and exits 1.
#   BOOT_TIMEOUT=300 (seconds)   BOOT_MEMORY=1024 (MiB)   BOOT_ACCEL=tcg,thread=multi
set -euo pipefail

iso=${1:?usage: boot-iso.sh ISO [bios|uefi|usb|usb-uefi] [SERIAL-LOG]}
way=${2:-bios}
timeout=${BOOT_TIMEOUT:-300}
[ -r "$iso" ] || {
  echo "boot-iso.sh: cannot read $iso" >&2
  exit 2
}
command -v qemu-system-x86_64 >/dev/null || {
  echo "boot-iso.sh: qemu-system-x86_64 is needed: apt-get install qemu-system-x86 ovmf" >&2
  exit 2
}

work=$(mktemp -d "${TMPDIR:-/tmp}/boot-iso.XXXXXX")
log=${3:-$work/serial.log}
qemu=
# Invoked by the trap.
# shellcheck disable=SC2317
finish() {
  if [ -n "$qemu" ]; then
    kill "$qemu" 2>/dev/null || true
    wait "$qemu" 2>/dev/null || true
  fi
  rm -rf -- "$work"
}
trap finish EXIT

arguments=(-machine pc -accel "${BOOT_ACCEL:-tcg,thread=multi}" -cpu max -smp 2
  -m "${BOOT_MEMORY:-1024}" -nodefaults -no-reboot -display none -vga std
  -serial "file:$log")
firmware() {
  local code=/usr/share/OVMF/OVMF_CODE_4M.fd vars=/usr/share/OVMF/OVMF_VARS_4M.fd
  [ -r "$code" ] || {
    echo "boot-iso.sh: $code is needed: apt-get install ovmf" >&2
    exit 2
  }
  cp "$vars" "$work/vars.fd"
  arguments+=(-drive "if=pflash,format=raw,unit=0,readonly=on,file=$code"
    -drive "if=pflash,format=raw,unit=1,file=$work/vars.fd")
}
# A comma in a QEMU option is written twice.
file=${iso//,/,,}
as_cd=(-drive "if=none,id=medium,media=cdrom,format=raw,readonly=on,file=$file"
  -device "ide-cd,drive=medium,bootindex=0")
as_disk=(-drive "if=none,id=medium,format=raw,snapshot=on,file=$file"
  -device "virtio-blk-pci,drive=medium,bootindex=0")
case $way in
bios) arguments+=("${as_cd[@]}") ;;
uefi)
  firmware
  arguments+=("${as_cd[@]}")
  ;;
usb) arguments+=("${as_disk[@]}") ;;
usb-uefi)
  firmware
  arguments+=("${as_disk[@]}")
  ;;
*)
  echo "boot-iso.sh: \"$way\" is not bios, uefi, usb or usb-uefi" >&2
  exit 2
  ;;
esac

: >"$log"
qemu-system-x86_64 "${arguments[@]}" >"$work/qemu.log" 2>&1 &
qemu=$!

# What the log says, latest stage first.
stage() {
  if grep -aq 'login:' "$log"; then
    echo "login prompt"
  elif grep -aqE 'systemd\[1\]: (Detected|systemd )|Welcome to' "$log"; then
    echo "the system's own start (systemd)"
  elif grep -aqE 'dracut|Freeing unused kernel' "$log"; then
    echo "the initrd (looking for the live medium)"
  elif grep -aq 'Linux version' "$log"; then
    echo "the kernel"
  elif grep -aqE 'GRUB|Loading the kernel|grub>' "$log"; then
    echo "GRUB"
  elif [ -s "$log" ]; then
    echo "the firmware"
  else
    echo "nothing at all on the serial console"
  fi
}

start=$SECONDS
reason="timed out after $timeout s"
while [ $((SECONDS - start)) -lt "$timeout" ]; do
  if grep -aq 'login:' "$log"; then
    cat "$log"
    echo
    echo "boot-iso.sh: $way: login prompt after $((SECONDS - start)) s"
    exit 0
  fi
  if grep -aqE 'Kernel panic|grub rescue>|Entering emergency mode|dracut:/#' "$log"; then
    reason="the console says so"
    break
  fi
  kill -0 "$qemu" 2>/dev/null || {
    reason="QEMU ended: $(tail -n 1 "$work/qemu.log")"
    break
  }
  sleep 0.5
done
cat "$log"
echo
echo "boot-iso.sh: $way: no login prompt; $reason; it hangs at: $(stage)" >&2
exit 1
