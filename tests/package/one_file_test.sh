#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The one file that is copied over, on a machine that has busybox and nothing else: no libc, CAs where Fedora has them:
#   one_file_test.sh FILE CACHE
# CACHE keeps the quickstart image for the next run. Exits 77 (skipped), with the reason, where a tool is missing.
set -euo pipefail

file=$(realpath "${1:?usage: one_file_test.sh FILE CACHE}")
. "$(dirname "$0")/with_registry.sh" "${2:?}" log busybox
image=$host/demo/debian:12

bare=$work/bare
mkdir -p "$bare"/{bin,dev,proc,root,tmp,usr/local/bin,etc/pki/tls/certs}
cp /bin/busybox "$bare/bin/"
for applet in sh env mkdir mktemp mv tail gzip tar rm; do ln -s busybox "$bare/bin/$applet"; done
mknod -m 666 "$bare/dev/null" c 1 3
cp "$work/registry/ca/ca.crt" "$bare/etc/pki/tls/certs/ca-bundle.crt"
cp "$config" "$bare/root/"
cp "$file" "$bare/usr/local/bin/osartifact"
inside() {
  unshare --mount --pid --fork env -i PATH=/usr/local/bin:/bin HOME=/root "$(command -v sh)" -c \
    '/bin/mount -t proc proc "$0/proc" && exec /usr/sbin/chroot "$0" "$@"' "$bare" "$@"
}
fails_with() {
  local wanted=$1 status=0
  shift
  inside "$@" >"$work/log" 2>&1 || status=$?
  [ "$status" = "$wanted" ] || { echo "exit status $status, not $wanted: $*"; return 1; }
}

echo "== unpacks itself once, runs"
inside osartifact version
[ "$(ls "$bare/root/.cache/osartifact")" = "$(ls "$bare/root/.cache/osartifact" | grep '^program-')" ]
touch -d 2000-01-01 "$bare"/root/.cache/osartifact/program-*
inside osartifact version >"$work/log"
[ "$(date -r "$(echo "$bare"/root/.cache/osartifact/program-*)" +%Y)" = 2000 ]
inside osartifact build --help >"$work/log"
grep -q 'osartifact build' "$work/log"

echo "== pulls from a private registry, with the CAs of this machine"
inside osartifact push "oci:/image:latest" "$image" --credentials /root/config.json >"$work/log" 2>&1 && exit 1
cp -r "$cache/image/oci" "$bare/image"
inside osartifact push "oci:/image:latest" "$image" --credentials /root/config.json >"$work/log" 2>&1
inside osartifact unpack "$image" /tree --credentials /root/config.json >"$work/log" 2>&1
grep -q 'Debian GNU/Linux 12' "$bare/tree/etc/os-release"
fails_with 3 osartifact pull "$image"

echo "== says what it lacks"
printf '%s\n' 'apiVersion: build.kairos.io/v1alpha2' 'kind: OSArtifact' 'metadata: {name: demo}' 'spec:' \
  "  image: {ref: '$image'}" '  artifacts: {iso: true}' >"$bare/root/demo.yaml"
fails_with 6 osartifact build /root/demo.yaml -o /root/out --credentials /root/config.json
grep -q squashfs-tools "$work/log"
fails_with 8 env OSARTIFACT_PROGRAM_DIR=/proc/none osartifact version
grep -q 'try: OSARTIFACT_PROGRAM_DIR=DIR' "$work/log"
rm -rf "$bare/root/.cache"
truncate -s -4096 "$bare/usr/local/bin/osartifact"
fails_with 8 osartifact version
[ -z "$(ls "$bare/root/.cache/osartifact")" ]
echo "all done"
