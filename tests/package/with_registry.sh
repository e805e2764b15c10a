# SPDX-License-Identifier: Apache-2.0
# For the tests of what is installed, sourced: the quickstart's image, and a private registry for as long as the test runs.
#   . with_registry.sh CACHE LOG TOOL...
# Sets quickstart, cache (locked; image/oci is the image), work (a folder that goes with the test), host (of the registry) and
# config (a docker config with its login). LOG, of work, is shown when the test fails. Exits 77 (skipped), with the
# reason, where a tool is missing.
quickstart=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../packaging/quickstart" && pwd)
cache=$1 log=$2
shift 2
for tool in docker-registry htpasswd "$@"; do
  command -v "$tool" >/dev/null || { echo "skipped: $tool is missing"; exit 77; }
done
[ "$(id -u)" = 0 ] || { echo "skipped: needs root"; exit 77; }

mkdir -p "$cache"
cache=$(realpath "$cache")
exec 9>"$cache/lock"
flock 9
"$quickstart/make-image.sh" "$cache/image"

work=$(mktemp -d "$cache/$(basename "$0" .sh).XXXXXX")
registry=
finish() {
  status=$?
  [ -z "$registry" ] || kill "$registry" 2>/dev/null || true
  [ "$status" = 0 ] || { echo "--- log"; tail -n 60 "$work/$log" 2>/dev/null || true; }
  rm -rf --one-file-system -- "$work"
}
trap finish EXIT
"$quickstart/registry.sh" "$work/registry" demo demo-password
registry=$(cat "$work/registry/pid")
host=localhost:$(cat "$work/registry/port")
config=$work/config.json
(umask 077 && printf '{"auths":{"%s":{"auth":"%s"}}}\n' "$host" "$(printf demo:demo-password | base64 -w0)" >"$config")
