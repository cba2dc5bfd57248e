#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes a data set under data/cache/NAME from a Debian package, installing it where it is missing.
# What is already there and whole is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${GRADUS_DATA_CACHE:-data/cache}

usage() {
  cat <<'TEXT'
usage: scripts/data.sh NAME...   make data/cache/NAME (GRADUS_DATA_CACHE names another folder)
       scripts/data.sh --list    names and contents
TEXT
}

list() {
  cat <<'TEXT'
fashion_mnist  60,000 + 10,000 images of clothes, 28 x 28, 10 classes (dataset-fashion-mnist, MIT)
kjv            King James Bible, a verse a line: train.txt, val.txt (bible-kjv, public domain)
TEXT
}

fashion_mnist() {
  local source=/usr/share/datasets/fashion-mnist target=$cache/fashion_mnist name
  local names=(train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz
    t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz)
  [ -e "$source/${names[0]}" ] || scripts/setup.sh dataset-fashion-mnist
  mkdir -p "$target"
  for name in "${names[@]}"; do
    [ "$target/$name" -ef "$source/$name" ] || ln -sf "$source/$name" "$target/$name"
  done
  echo "data: fashion_mnist is in $target"
}

# Every 20th chapter is held out whole, so that no validation verse has its neighbours in training.
kjv() {
  local target=$cache/kjv part
  if [ -s "$target/train.txt" ] && [ -s "$target/val.txt" ]; then
    echo "data: kjv is in $target"
    return
  fi
  command -v bible >/dev/null || scripts/setup.sh bible-kjv
  mkdir -p "$target"
  part=$(mktemp -d "$target/part.XXXXXX")
  # shellcheck disable=SC2064  # the folder's name is fixed now
  trap "rm -rf '$part'" EXIT
  # -f prints `Ge1:1 In the beginning ...`, and the line width keeps a verse on its line.
  LC_ALL=C bible -f -l100000 Gen1:1-Rev22:21 >"$part/all.txt"
  LC_ALL=C awk -v train="$part/train.txt" -v val="$part/val.txt" '
    !/^[0-9A-Za-z]+:[0-9]+ ./ { next }
    {
      chapter = substr($1, 1, index($1, ":") - 1)
      if (chapter != previous) { previous = chapter; chapters++ }
      print substr($0, index($0, " ") + 1) > (chapters % 20 == 0 ? val : train)
    }' "$part/all.txt"
  local verses
  verses=$(cat "$part/train.txt" "$part/val.txt" | wc -l)
  if [ "$verses" -ne 31102 ]; then
    echo "data: kjv: expected 31102 verses from \`bible\`, got $verses" >&2
    exit 1
  fi
  mv "$part/train.txt" "$part/val.txt" "$target/"
  echo "data: kjv is in $target"
}

case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  --list) list; exit 0 ;;
  "") usage >&2; exit 2 ;;
esac
for name in "$@"; do
  case "$name" in
    fashion_mnist | kjv) ;;
    *)
      echo "data: unknown name '$name'; known:" >&2
      list >&2
      exit 2
      ;;
  esac
done
for name in "$@"; do "$name"; done
