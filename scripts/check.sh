#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The gates: format, include direction, sizes, headers, habits, op coverage, ledger.
# With --all: every preset, every test, and a short search by each fuzz target.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR source=lib/stages.sh
. scripts/lib/stages.sh

usage() {
  cat <<'TEXT'
usage: scripts/check.sh         the gates, in build/release
       scripts/check.sh --all   the whole matrix: release, debug, clang, asan, tsan, sim, fuzz
       GRADUS_JOBS=N sets how many compilers and tests run at a time (default: all cores)
TEXT
}

gates() {
  cmake --preset release
  ctest --preset release -L '^gate$'
}

case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  "") stage gates gates ;;
  --all)
    scripts/setup.sh
    scripts/setup.sh clang libclang-rt-dev # the compiler, its sanitizers and libFuzzer
    scripts/data.sh fashion_mnist kjv digits wine breast_cancer diabetes co2 karate
    for preset in release debug clang asan tsan sim; do
      stage "$preset" preset_stage "$preset"
    done
    stage fuzz preset_stage fuzz fuzz
    ;;
  *) usage >&2; exit 2 ;;
esac
stages_summary
