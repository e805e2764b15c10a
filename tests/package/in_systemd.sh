#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The part of package_test.sh that runs under systemd, in the machine where the package is installed.
set -uo pipefail

check() { # NAME COMMAND...
  local name=$1
  shift
  if "$@"; then echo "ok: $name"; else echo "not ok: $name"; exit 1; fi
}
unit() { # NAME
  mkdir -p "/etc/systemd/system/osartifact@$1.service.d"
  cat >"/etc/systemd/system/osartifact@$1.service.d/registry.conf" <<CONF
[Service]
LoadCredential=config.json:/test/config.json
Environment=OSARTIFACT_CA_DIR=/test/ca
CONF
  sed "s/name: quickstart/name: $1/" /test/demo.yaml >"/etc/osartifact/$1.yaml"
  systemctl daemon-reload
}
state() { systemctl show -P ActiveState "osartifact@$1"; }
wait_until_over() { # NAME
  for _ in $(seq 300); do
    case $(state "$1") in active | activating | deactivating) sleep 1 ;; *) break ;; esac
  done
  [ "$(systemctl show -P Result "osartifact@$1")" = success ] || {
    systemctl status --no-pager --full "osartifact@$1"
    return 1
  }
}
artifact() { (cd "/var/lib/osartifact/artifacts/$1" && sha256sum -c --quiet "$1.sha256"); }

systemd-tmpfiles --create osartifact.conf
check "manifests are root's alone" test "$(stat -c %a /etc/osartifact)" = 700

unit demo
systemctl start osartifact@demo
check "the unit is ready while it builds, or done" test "$(state demo)" != failed
wait_until_over demo
check "the unit builds with its credential" artifact demo
journalctl --quiet --no-pager -o json -u osartifact@demo >/tmp/journal
check "the journal has the stage as a field" grep -q '"OSARTIFACT_STAGE":"iso"' /tmp/journal
check "no password in the journal" bash -c '! grep -q demo-password /tmp/journal'

begin=$SECONDS
systemctl start osartifact@demo
check "a second build succeeds" wait_until_over demo
check "and does nothing" test $((SECONDS - begin)) -lt 15
journalctl --quiet --no-pager -u osartifact@demo | tail -n 20 >/tmp/second
check "because all is cached" grep -q cached /tmp/second

unit second
echo 'PRETTY_NAME="second"' >/test/os-release
sed -i 's/PRETTY_NAME=.*/PRETTY_NAME="second"/' /etc/osartifact/second.yaml
systemctl start osartifact@second
for _ in $(seq 200); do pgrep -x mksquashfs >/dev/null && break; sleep 0.1; done
check "it was stopped in the middle" pgrep -x mksquashfs
begin=$SECONDS
systemctl stop osartifact@second
check "within its time" test $((SECONDS - begin)) -lt 30
check "no process is left" bash -c '! pgrep -x "mksquashfs|osartifact"'
check "no mount is left" bash -c '! grep -q /var/lib/osartifact /proc/self/mountinfo'
check "nothing half is there" test ! -e /var/lib/osartifact/artifacts/second/second.iso
systemctl start osartifact@second
check "the store goes on" wait_until_over second
check "and the artifact is whole" artifact second

unit third
systemctl enable -q --now osartifact@third.path
touch /etc/osartifact/third.yaml
for _ in $(seq 100); do [ "$(state third)" != inactive ] && break; sleep 0.1; done
check "a changed manifest is built" wait_until_over third
check "with its artifact" artifact third

systemctl enable -q --now osartifact@demo.timer
check "the timer is set" systemctl is-active -q osartifact@demo.timer

exposure=$(systemd-analyze security --no-pager osartifact@demo | sed -n 's/.*exposure level.*: \([0-9.]*\) .*/\1/p')
check "exposure $exposure is 4.0 or better" awk -v level="$exposure" 'BEGIN { exit !(level != "" && level <= 4.0) }'
echo "all done"
