#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The Debian package on a bare Debian 12 with a real systemd (systemd-nspawn), as a user would use it:
#   package_test.sh PACKAGE.deb CACHE
# Installs the package with apt, builds the example of its manual page as root and as an ordinary user, and does what
# goes wrong. Builds the quickstart manifest as a unit with LoadCredential=, stops a unit in the middle, builds on a
# change of the manifest, upgrades, removes and purges. CACHE keeps the bare Debian and the quickstart image for the
# next run. Exits 77 (skipped), with the reason, where a tool is missing.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
package=$(realpath "${1:?usage: package_test.sh PACKAGE.deb CACHE}")
osartifact=$(dirname "$package")/osartifact
. "$here/with_registry.sh" "${2:?}" root/test/log systemd-nspawn mmdebstrap
base=$cache/systemd.tar
[ -f "$base" ] || {
  mmdebstrap --variant=minbase --include=systemd-sysv,dbus,ca-certificates,man-db,procps --format=tar \
    --customize-hook='rm -f "$1/etc/dpkg/dpkg.cfg.d/"*' \
    bookworm "$base.part" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
  mv "$base.part" "$base"
}

echo "== a bare Debian and a private registry"
mkdir "$work/root"
tar --extract --preserve-permissions --numeric-owner --file "$base" --directory "$work/root"
mkdir "$work/root/test"
cp -r "$work/registry/ca" "$work/root/test/ca"
cp "$package" "$work/root/test/osartifact.deb"
cp "$config" "$work/root/test/config.json"
"$osartifact" push "oci:$cache/image/oci" "$host/demo/debian:12" --store "$work/store" \
  --credentials "$work/root/test/config.json" --ca-dir "$work/registry/ca"
# Without a Secret of its own: the unit's credential is all there is.
sed -e "s|@REGISTRY@|$host|g" -e '/^apiVersion: v1$/,/^---$/d' -e '/imageCredentialsSecretRef/,+1d' \
  -e '/cloudConfigRef/,+2d' "$quickstart/osartifact.yaml" >"$work/root/test/demo.yaml"
cp "$here/in_systemd.sh" "$work/root/test/"

inside() { systemd-nspawn --quiet --register=no --keep-unit --console=pipe --resolv-conf=copy-host -D "$work/root" "$@"; }

echo "== apt installs it, man shows it"
inside sh -c 'apt-get update -q && apt-get install -q -y /test/osartifact.deb' >>"$work/root/test/log" 2>&1
inside sh -c 'rm -f /etc/dpkg/dpkg.cfg.d/*; apt-get install -q -y --reinstall /test/osartifact.deb' >>"$work/root/test/log" 2>&1
inside man -P cat osartifact | grep -q 'osartifact build demo.yaml -o out'
inside osartifact version

echo "== the example of the manual page, and what goes wrong"
inside env MANWIDTH=120 man -P cat 5 osartifact | sed -n '/^ *An ISO with/,/^ *A Dockerfile/s/^ \{11\}//p' \
  | sed "s|registry.example.com|$host|; s|\"me\"|\"demo\"|; s|\"secret\"|\"demo-password\"|" >"$work/root/test/page.yaml"
cp "$here/walk_through.sh" "$work/root/test/"
sed -i "s|team/debian:12|demo/debian:12|" "$work/root/test/page.yaml"
inside --tmpfs=/small:size=24M /bin/bash /test/walk_through.sh

echo "== under systemd"
mkdir -p "$work/root/etc/systemd/system/multi-user.target.wants"
cat >"$work/root/etc/systemd/system/package-test.service" <<'UNIT'
[Service]
Type=oneshot
StandardOutput=append:/test/log
StandardError=append:/test/log
ExecStart=/bin/bash /test/in_systemd.sh
ExecStopPost=/bin/systemctl exit 0 --force
TimeoutStartSec=15min
UNIT
ln -s ../package-test.service "$work/root/etc/systemd/system/multi-user.target.wants/"
timeout 1000 systemd-nspawn --quiet --register=no --keep-unit --console=pipe --resolv-conf=copy-host --capability=CAP_SYS_ADMIN \
  -D "$work/root" --boot </dev/null >"$work/boot.log" 2>&1 || true
grep -E '^(ok|not ok)' "$work/root/test/log" || true
grep -q '^all done' "$work/root/test/log"
# Nothing that the unit mounted is left with us.
if grep -q "$work/root/var/lib/osartifact" /proc/self/mountinfo; then
  echo "not ok: mounts are left"
  exit 1
fi

echo "== removed, purged"
inside sh -c 'apt-get remove -q -y osartifact' >>"$work/root/test/log" 2>&1
[ ! -e "$work/root/usr/bin/osartifact" ] && [ -d "$work/root/var/lib/osartifact" ]
inside sh -c 'apt-get purge -q -y osartifact' >>"$work/root/test/log" 2>&1
[ ! -e "$work/root/var/lib/osartifact" ]
echo "the package works"
