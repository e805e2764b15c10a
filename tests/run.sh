#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests need, builds, and runs them:
#   tests/run.sh            unit, integration, boot and Kubernetes tests
#   tests/run.sh unit       only one label: unit, integration, boot, kubernetes, kubelet, peers
# One test: ctest --preset dev -R Reference.Case117TheDigestRules
set -euo pipefail
cd "$(dirname "$0")/.."

packaging/deps.sh --install build run quickstart test
cmake --preset dev >/dev/null
cmake --build --preset dev
labels=${1:-unit|integration|boot|kubernetes}
ctest --preset dev --label-regex "$labels" --no-tests=error
