#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The part of package_test.sh that a person would type, in the machine where the package is installed: builds the example of the
# manual page (/test/page.yaml), as root and as an ordinary user, then does what people do wrong, and reads what is said.
set -uo pipefail
export OSARTIFACT_CA_DIR=/test/ca OSARTIFACT_STORE=/test/store NO_COLOR=1
cd /test || exit 1

check() { # NAME COMMAND...
  local name=$1
  shift
  if "$@"; then echo "ok: $name"; else echo "not ok: $name"; tail -n 20 /test/said; exit 1; fi
}
fails() { # STATUS COMMAND...: what it says goes to /test/said
  local status=$1
  shift
  "$@" >/test/said 2>&1
  [ $? = "$status" ]
}
says() { grep -qF -- "$1" /test/said; }

check "the example is valid" fails 0 osartifact validate page.yaml
check "plan says what would run" fails 0 osartifact plan page.yaml -o out
check "the example is built" fails 0 osartifact build page.yaml -o out
check "its checksums are right" sh -c 'cd out && sha256sum -c --quiet demo.sha256'
check "the ISO is looked at" fails 0 osartifact inspect out/demo.iso
sed 's/# cloudImage/cloudImage/' page.yaml >disk.yaml
osartifact build disk.yaml -o disk >said 2>&1
check "a disk of an image that is not Kairos is refused" says "use a Kairos image"
image=$(sed -n 's/^ *ref: //p' page.yaml)

sed 's/demo-password/wrong-password/' page.yaml >wrong.yaml
check "a wrong password is refused" fails 3 osartifact build wrong.yaml -o wrong --store /test/none
check "with where it is from" says "secret 'registry-login'"
check "and is not repeated" sh -c '! grep -q wrong-password /test/said'
check "auth check says so too" fails 3 osartifact auth check "$image"

sed '/^kind: Secret$/,/^---$/d; /^apiVersion: v1$/d' page.yaml >missing.yaml
check "a Secret that is not there is told of" fails 2 osartifact build missing.yaml -o missing
check "by its name" says registry-login
check "and where it may be" says "--secrets"

sed 's/cloudConfigRef/cloudconfigRef/' page.yaml >typo.yaml
check "a mistyped field is refused" fails 2 osartifact build typo.yaml -o typo
check "with what is meant" says 'did you mean "cloudConfigRef"?'

check "a mistyped command is refused" fails 2 osartifact biuld page.yaml
check "with what is meant" says "osartifact build"
check "kubectl's -f is known" fails 2 osartifact build -f page.yaml
check "with what to type" says "the manifest is an argument"

while read -r program file package; do
  path=$(command -v $program)
  mv "$path" "/test/$program"
  check "without $program nothing is fetched" fails 6 osartifact build "$file" -o without --store /test/none
  check "and its package is named" says "apt-get install $package"
  mv "/test/$program" "$path"
done <<PROGRAMS
xorriso page.yaml xorriso
mksquashfs page.yaml squashfs-tools
sfdisk disk.yaml fdisk
PROGRAMS

check "a full disk is told of" fails 8 osartifact build page.yaml -o /small --store /test/store --no-cache
check "with the place" says /small

useradd --create-home maker
install -d -o maker /test/home
install -o maker -m 600 page.yaml /test/home/demo.yaml
as_maker() { runuser -u maker -- env -u OSARTIFACT_STORE HOME=/test/home XDG_DATA_HOME=/test/home/data "$@"; }
check "an ordinary user builds it" fails 0 as_maker osartifact build /test/home/demo.yaml -o /test/home/out
check "with a store of their own" test -f /test/home/data/osartifact/index.json
check "and right checksums" sh -c 'cd /test/home/out && sha256sum -c --quiet demo.sha256'
rm -rf /test/store /test/none /test/out /test/home
