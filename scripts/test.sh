#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, then builds and tests the preset `release`.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: scripts/test.sh [CTEST OPTION...]   e.g. scripts/test.sh -R softmax
       GRADUS_JOBS=N sets how many compilers and tests run at a time (default: all cores)
TEXT
}
case "${1:-}" in
  -h | --help) usage; exit 0 ;;
esac

jobs=${GRADUS_JOBS:-$(nproc)}
scripts/setup.sh
scripts/data.sh fashion_mnist kjv digits wine breast_cancer diabetes co2 karate
echo "test: configuring and building build/release"
cmake --preset release
cmake --build --preset release -j "$jobs"
echo "test: running the tests"
# Busy-waiting threads of parallel tests starve each other; tests of threading ask for more.
OMP_NUM_THREADS=1 ctest --preset release -j "$jobs" "$@"
