#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compiles what touches oneDNN against version 3 and runs its tests. Debian 12 has version 2; newer
# systems have this one. Takes it from the package index of Python, whose wheels hold headers and
# library for libgomp, unless a folder is given. The rest comes from build/release.
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

# Objects on the command line come before the library's own of the same name, which stay out.
compile() {
  g++ -std=c++20 -O2 -Wall -Wextra -Werror -ffp-contract=off -fopenmp -DGRADUS_WITH_ONEDNN=1 -I. \
    -isystem "$prefix/include" -c "$1" -o "$build/$(basename "$1").o"
}
export -f compile
export prefix build

mkdir -p "$build"
[ -f build/release/CMakeCache.txt ] || cmake --preset release
cmake --build --preset release --target gradus_library
rm -f "$build"/*.o
# shellcheck disable=SC2016 # $1 is of the shell that xargs starts
printf '%s\0' kernels/cpu/onednn/*.cpp tests/kernels/onednn_test.cpp |
  xargs -0 -n 1 -P "$(nproc)" bash -euc 'compile "$1"' compile
g++ -fopenmp "$build"/*.o build/release/libgradus.a -L"$prefix/lib" -l:libdnnl.so.3 \
  -lgtest -lgtest_main -lfmt -lz -lpthread -Wl,-rpath,"$prefix/lib" -o "$build/onednn_test"
ldd "$build/onednn_test" | grep -F libdnnl
OMP_NUM_THREADS=1 "$build/onednn_test"
