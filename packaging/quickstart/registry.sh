#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A docker-registry on loopback, or on ADDRESS, with TLS and a password, for trying things out and for tests:
#   registry.sh DIR USER PASSWORD [ADDRESS]
# Makes DIR/{ca.crt,config.yml,htpasswd,storage}, starts the registry on a free port, writes DIR/port and
# DIR/pid when it answers, and ends. Stop it with: kill $(cat DIR/pid)
set -euo pipefail

directory=${1:?usage: registry.sh DIR USER PASSWORD}
user=${2:?}
password=${3:?}
address=${4:-127.0.0.1}
mkdir -p "$directory/storage" "$directory/ca"
directory=$(cd "$directory" && pwd)

if [ ! -f "$directory/server.crt" ]; then
  (
    cd "$directory"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
      -subj "/CN=quickstart CA" -keyout ca.key -out ca/ca.crt
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=localhost" \
      -keyout server.key -out server.csr
    openssl x509 -req -in server.csr -CA ca/ca.crt -CAkey ca.key -CAcreateserial -days 3650 \
      -extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1,IP:$address") -out server.crt
  ) >/dev/null 2>&1
fi
# The password goes in on standard input: arguments can be read by everybody.
printf '%s' "$password" | htpasswd -iBc "$directory/htpasswd" "$user" 2>/dev/null

start() { # PORT
  cat >"$directory/config.yml" <<CONF
version: 0.1
log: {level: warn, accesslog: {disabled: false}}
storage: {filesystem: {rootdirectory: $directory/storage}, delete: {enabled: true}}
http:
  addr: $address:$1
  tls: {certificate: $directory/server.crt, key: $directory/server.key}
auth: {htpasswd: {realm: quickstart, path: $directory/htpasswd}}
CONF
  docker-registry serve "$directory/config.yml" >"$directory/registry.log" 2>&1 &
  echo $! >"$directory/pid"
}

# The port of the last time if it is free, so that references stay the same.
for port in $(cat "$directory/port" 2>/dev/null || true) $(shuf -n 20 -i 20000-39999); do
  start "$port"
  for _ in $(seq 100); do
    kill -0 "$(cat "$directory/pid")" 2>/dev/null || break
    if curl -s -o /dev/null --cacert "$directory/ca/ca.crt" "https://$address:$port/v2/"; then
      echo "$port" >"$directory/port"
      exit 0
    fi
    sleep 0.1
  done
  kill "$(cat "$directory/pid")" 2>/dev/null || true
done
tail -n 20 "$directory/registry.log" >&2
echo "registry.sh: docker-registry did not start" >&2
exit 1
