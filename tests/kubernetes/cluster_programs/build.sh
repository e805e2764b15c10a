#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the programs of Kubernetes that the tests here need, once a machine:
#   build.sh [FOLDER]     (~/.cache/osartifact-k8s/bin when not given)
# Needs Go and its module proxy; takes some ten minutes. Where they are there already it does nothing.
set -euo pipefail
cd "$(dirname "$0")"

version=1.36.3
folder=${1:-$HOME/.cache/osartifact-k8s/bin}
names=(etcd kube-apiserver kubectl kube-controller-manager kube-scheduler kubelet)
missing=0
for name in "${names[@]}"; do [ -x "$folder/$name" ] || missing=1; done
[ "$missing" = 1 ] || exit 0

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cp main.go "$work/"
cd "$work"
export CGO_ENABLED=0 GOFLAGS="-buildvcs=false -trimpath"
go mod download "k8s.io/kubernetes@v$version"
module=$(go env GOMODCACHE)/cache/download/k8s.io/kubernetes/@v/v$version.mod
{ # Its own go.mod has the staging repositories as folders; published, they are v0.MINOR.PATCH.
  echo "module local/cluster-programs"
  grep -E '^(go|godebug) ' "$module"
  echo "require k8s.io/kubernetes v$version"
  sed -nE "s,^\s*(\S+) => \./staging/src/.*,replace \1 => \1 v0.${version#1.},p" "$module"
} >go.mod
go mod tidy 2>/dev/null
prefix=k8s.io/component-base/version
go build -o programs -ldflags "-s -w -X $prefix.gitVersion=v$version -X $prefix.gitMajor=1 \
  -X $prefix.gitMinor=$(cut -d. -f2 <<<"$version")" .
mkdir -p "$folder"
install -m 0755 programs "$folder/cluster-programs"
for name in "${names[@]}"; do ln -sf cluster-programs "$folder/$name"; done
