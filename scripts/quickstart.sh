#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds Gradus and trains a small convolutional network on Fashion-MNIST.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: scripts/quickstart.sh [key=value...]   recipe settings to override, e.g. epochs=1;
                                              run=DIR chooses the run folder
TEXT
}
case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  -*) usage >&2; exit 2 ;;
esac

# A run that is there already is never overwritten.
run=runs/quickstart
for ((number = 2; ; number++)); do
  [ -e "$run" ] || break
  run=runs/quickstart-$number
done
for setting in "$@"; do
  case "$setting" in
    run=*) run=${setting#run=} ;;
  esac
done

scripts/setup.sh
echo "quickstart: building build/release/gradus (minutes the first time)"
cmake --preset release
cmake --build --preset release -j "${GRADUS_JOBS:-$(nproc)}" --target gradus
scripts/data.sh fashion_mnist
echo "quickstart: training recipes/fashion_mnist_cnn.toml"
build/release/gradus train recipes/fashion_mnist_cnn.toml "$@" run="$run"
build/release/gradus eval "$run"
cat <<TEXT

The run is in $(realpath "$run"): its resolved recipe, metrics.jsonl and final.safetensors.
Next:
  build/release/gradus eval $run --json
  build/release/gradus train recipes/fashion_mnist_mlp.toml
  build/release/gradus --help
TEXT
