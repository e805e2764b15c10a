#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Boots a disk in QEMU and waits for a line on its serial console:
#   boot_disk.sh DISK uefi|bios LINE [SERIAL-LOG]
#   BOOT_TIMEOUT=400 (seconds)   BOOT_MEMORY=1024 (MiB)   BOOT_ACCEL=tcg,thread=multi
set -euo pipefail

disk=$1
firmware=$2
line=$3
timeout=${BOOT_TIMEOUT:-400}
work=$(mktemp -d "${TMPDIR:-/tmp}/boot-disk.XXXXXX")
log=${4:-$work/serial.log}
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

# A comma in a QEMU option is written twice.
arguments=(-machine pc -accel "${BOOT_ACCEL:-tcg,thread=multi}" -cpu max -smp 2
  -m "${BOOT_MEMORY:-1024}" -nodefaults -no-reboot -display none -vga std -serial "file:$log"
  -drive "if=none,id=medium,format=raw,snapshot=on,file=${disk//,/,,}"
  -device "virtio-blk-pci,drive=medium,bootindex=0")
if [ "$firmware" = uefi ]; then
  cp /usr/share/OVMF/OVMF_VARS_4M.fd "$work/vars.fd"
  arguments+=(-drive "if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd"
    -drive "if=pflash,format=raw,unit=1,file=$work/vars.fd")
fi

: >"$log"
qemu-system-x86_64 "${arguments[@]}" >"$work/qemu.log" 2>&1 &
qemu=$!
start=$SECONDS
reason="timed out after $timeout s"
while [ $((SECONDS - start)) -lt "$timeout" ]; do
  if grep -aqF "$line" "$log"; then
    echo "boot_disk.sh: $firmware: \"$line\" after $((SECONDS - start)) s"
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
echo "boot_disk.sh: $firmware: no \"$line\"; $reason" >&2
exit 1
