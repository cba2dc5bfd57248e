#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that building and testing need, and nothing that is already there.
# Asks nothing; without missing packages it touches no network.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: scripts/setup.sh             install what building and testing need
       scripts/setup.sh PACKAGE...  install these Debian packages instead
       scripts/setup.sh --list      print the packages of the first form
TEXT
}

packages=(
  g++ cmake ninja-build ccache                             # the tool chain
  python3 clang-format                                     # gates
  libdnnl-dev libfmt-dev zlib1g-dev                        # libraries that are linked
  libpng-dev libjpeg62-turbo-dev                           # images
  libpcre2-dev libutf8proc-dev                             # tokenizers
  nlohmann-json3-dev libtomlplusplus-dev libcli11-dev      # header-only
  libxxhash-dev                                            # checksums of checkpoints; header-only here
  libgtest-dev googletest                                  # tests; the source is for sanitizers
  libboost-context-dev                                     # fibers of the kernel simulator
  dpkg-dev file                                            # cpack finds the .deb's dependencies with them
)

case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  --list) printf '%s\n' "${packages[@]}"; exit 0 ;;
  -*) usage >&2; exit 2 ;;
esac
[ $# -gt 0 ] && packages=("$@")

installed() {
  [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null | cut -c1-2)" = ii ]
}

if ! command -v dpkg-query >/dev/null; then
  echo "setup: this is not a Debian system; install the equivalents of: ${packages[*]}" >&2
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  installed "$package" || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "setup: all ${#packages[@]} packages are installed"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: missing packages, and neither root nor sudo; as root run:" >&2
    echo "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

echo "setup: installing ${missing[*]}"
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -q -y --no-install-recommends "${missing[@]}"
