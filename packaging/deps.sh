#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The one list of Debian 12 packages. Prints those of the groups named, or installs what is missing:
#   packaging/deps.sh [--install] build|run|quickstart|test|package|kubelet|check|fuzz ...
set -euo pipefail

# What compiles the program.
build="g++ cmake ninja-build ccache pkg-config git python3-minimal
  libarchive-dev libbz2-dev liblzma-dev libcurl4-openssl-dev libssl-dev libisal-dev libzstd-dev nlohmann-json3-dev
  libspdlog-dev libfmt-dev libyaml-cpp-dev libcli11-dev libboost1.81-dev libboost-filesystem1.81-dev
  libtomlplusplus-dev libext2fs-dev libsqlite3-dev"
# What builds of artifacts start or read.
run="ca-certificates squashfs-tools xorriso mtools grub-pc-bin grub-efi-amd64-signed
  shim-signed grub-common fdisk runc systemd-boot-efi"
# What ./quickstart.sh needs besides: a registry, an image to put there, a machine to boot.
quickstart="docker-registry apache2-utils openssl curl mmdebstrap qemu-system-x86 ovmf procps util-linux"
# What ./tests/run.sh needs besides.
test="groff-base libgtest-dev libgmock-dev zlib1g-dev skopeo umoci attr libcap2-bin python3 python3-h2 python3-yaml jq zstd
  buildah busybox-static crun qemu-utils e2fsprogs
  bzip2 xz-utils tmux sbsigntool efitools cpio swtpm libtss2-tcti-swtpm0 libtss2-esys-3.0.2-0 libtss2-rc0 rpm"
# What tests/package/package_test.sh needs besides.
package="systemd-container lintian"
# What tests/kubernetes/kubelet_test.py needs besides, with the programs of Kubernetes.
kubelet="containerd containernetworking-plugins iproute2"
# What tests/check.sh needs besides.
check="clang-format-16 clang-tidy-16"
# What the fuzz preset needs besides.
fuzz="clang-16 libclang-rt-16-dev"

install=
[ "${1:-}" = --install ] && { install=1; shift; }
packages=()
for group in "$@"; do
  case $group in
    build | run | quickstart | test | package | kubelet | check | fuzz) read -r -d '' -a words <<<"${!group}" || true ;;
    *) echo "deps.sh: there is no group '$group'" >&2; exit 2 ;;
  esac
  packages+=("${words[@]}")
done
[ ${#packages[@]} -gt 0 ] || { sed -n '3,4s/^# \{0,1\}//p' "$0"; exit 2; }

if [ -z "$install" ]; then
  printf '%s\n' "${packages[@]}"
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$status" = "install ok installed" ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
[ "$(id -u)" = 0 ] || { echo "deps.sh: run as root: apt-get install ${missing[*]}" >&2; exit 1; }
echo "installing ${#missing[@]} Debian packages" >&2
log=$(mktemp)
if ! { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
  "${missing[@]}"; } >"$log" 2>&1; then
  tail -n 30 "$log" >&2
  echo "deps.sh: apt-get failed (whole log: $log)" >&2
  exit 1
fi
rm -f "$log"
