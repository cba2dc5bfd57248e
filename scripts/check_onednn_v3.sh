#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds Gradus against oneDNN 3 and runs the tests of the kernels on it. Debian 12 has version 2;
# newer systems have this one. Takes it from the package index of Python, whose wheels hold headers
# and library for libgomp, unless a folder is given.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: scripts/check_onednn_v3.sh            download oneDNN 3, build, test
       scripts/check_onednn_v3.sh PREFIX     with the oneDNN in PREFIX/include and PREFIX/lib
TEXT
}

version=2023.2.0 # of the wheels: oneDNN 3.2
build=build/onednn_v3

fetch() {
  local folder=$1 unpacked
  mkdir -p "$folder/wheels" "$folder/prefix"
  python3 -m pip download --quiet --no-deps --dest "$folder/wheels" \
    "onednn-devel-cpu-gomp==$version" "onednn-cpu-gomp==$version"
  for wheel in "$folder"/wheels/*.whl; do
    python3 -m zipfile -e "$wheel" "$folder/unpacked"
  done
  for unpacked in "$folder"/unpacked/*.data/data; do
    cp -r "$unpacked"/. "$folder/prefix"
  done
}

case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  -*) usage >&2; exit 2 ;;
  "")
    prefix=$PWD/$build/onednn/prefix
    [ -f "$prefix/include/oneapi/dnnl/dnnl.hpp" ] || fetch "$build/onednn"
    ;;
  *) prefix=$(cd "$1" && pwd) ;;
esac

cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DGRADUS_ONEDNN=ON \
  -DDNNL_INCLUDE_DIR="$prefix/include" -DDNNL_LIBRARY="$prefix/lib/libdnnl.so.3"
cmake --build "$build" --target kernels_onednn_test
export LD_LIBRARY_PATH="$prefix/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
ldd "$build/kernels_onednn_test" | grep -F libdnnl.so.3
OMP_NUM_THREADS=1 "$build/kernels_onednn_test"
