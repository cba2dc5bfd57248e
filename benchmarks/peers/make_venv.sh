#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes a virtual environment with the newest PyTorch and what benchmarks/peers needs beside it.
set -euo pipefail

usage() { echo "usage: benchmarks/peers/make_venv.sh [FOLDER]   (default build/peers_venv)"; }
case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  -*) usage >&2; exit 2 ;;
esac
folder=${1:-build/peers_venv}
if "$folder/bin/python" -c 'import numpy, safetensors, torch' 2>/dev/null; then
  echo "peers: $folder is there already"
  exit 0
fi
python3 -m venv "$folder"
"$folder/bin/pip" install --upgrade torch numpy safetensors
"$folder/bin/python" -c 'import torch; print("peers: PyTorch", torch.__version__)'
