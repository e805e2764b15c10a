#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From nothing to a booted machine on a bare Debian 12, as root:
#   ./quickstart.sh            uses out/quickstart; a second run takes seconds
# Installs packages, builds osartifact, starts a private registry on loopback, pushes a small Debian to
# it, builds packaging/quickstart/osartifact.yaml into an ISO, and boots the ISO to a login prompt.
set -euo pipefail
cd "$(dirname "$0")"

work=$PWD/out/quickstart
mkdir -p "$work"
step=start
registry=
finish() {
  local status=$?
  if [ -n "$registry" ]; then kill "$registry" 2>/dev/null || true; fi
  if [ "$status" != 0 ]; then echo "quickstart: the step '$step' failed (exit $status)" >&2; fi
}
trap finish EXIT
timings=()
run_step() { # NAME COMMAND...
  step=$1
  shift
  local begin=$SECONDS
  echo "== $step"
  "$@"
  timings+=("$(printf '%5d s  %s' $((SECONDS - begin)) "$step")")
}

build_program() {
  cmake --preset release >"$work/cmake.log" 2>&1 || { tail -n 30 "$work/cmake.log" >&2; return 1; }
  cmake --build --preset release >"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log" >&2; return 1; }
  build/release/osartifact version
}

start_registry() {
  packaging/quickstart/registry.sh "$work/registry" demo demo-password
  registry=$(cat "$work/registry/pid")
  host=localhost:$(cat "$work/registry/port")
  echo "https://$host, user demo, its CA in $work/registry/ca"
}

make_image() { packaging/quickstart/make-image.sh "$work/image" >"$work/image.log" 2>&1 || { tail -n 30 "$work/image.log" >&2; return 1; }; }

osartifact() {
  build/release/osartifact "$@" --store "$work/store" --ca-dir "$work/registry/ca"
}

push_image() {
  auth=$(printf 'demo:demo-password' | base64 -w0)
  (umask 077 && printf '{"auths":{"%s":{"auth":"%s"}}}\n' "$host" "$auth" >"$work/config.json")
  osartifact push "oci:$work/image/oci" "$host/demo/debian:12" --credentials "$work/config.json"
}

build_iso() {
  (umask 077 && sed -e "s|@REGISTRY@|$host|g" -e "s|@AUTH@|$auth|g" \
    packaging/quickstart/osartifact.yaml >"$work/osartifact.yaml")
  osartifact build "$work/osartifact.yaml" -o "$work"
  (cd "$work" && sha256sum -c quickstart.sha256)
}

boot_iso() { packaging/quickstart/boot-iso.sh "$work/quickstart.iso" bios; }

run_step "install packages" packaging/deps.sh --install build run quickstart
run_step "build osartifact" build_program
run_step "start a private registry" start_registry
run_step "make a small bootable Debian image" make_image
run_step "push it" push_image
run_step "build the ISO" build_iso
run_step "boot the ISO" boot_iso

echo
echo "made $work/quickstart.iso ($(du -h "$work/quickstart.iso" | cut -f1)) from $host/demo/debian:12"
printf '%s\n' "${timings[@]}"
echo
echo "next: read $work/osartifact.yaml, write your own, and"
echo "      build/release/osartifact build my.yaml -o out"
