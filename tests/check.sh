#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The quick look before a commit: format, tidy, include rule, unit tests under the sanitizers.
#   tests/check.sh           all of it
#   tests/check.sh format    only that step (format, tidy, includes, unit)
set -euo pipefail
cd "$(dirname "$0")/.."

sources() { git ls-files -co --exclude-standard -- '*.cpp' '*.hpp'; }

check_format() { sources | xargs clang-format-16 --dry-run --Werror; }

check_tidy() {
  cmake --preset dev >/dev/null
  git ls-files -co --exclude-standard -- 'base/*.cpp' 'auth/*.cpp' 'oci/*.cpp' 'stages/*.cpp' 'orchestrator/*.cpp' |
    xargs -P "$(nproc)" -n 4 clang-tidy-16 -p build/dev --quiet
}

check_includes() { python3 tests/include_direction_test.py .; }

check_unit() {
  cmake --preset asan >/dev/null
  cmake --build --preset asan --target unit_tests
  ctest --preset asan -L unit -j "$(nproc)"
}

for step in ${1:-format includes tidy unit}; do
  echo "== $step"
  "check_$step"
done
