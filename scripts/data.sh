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
iris           150 flowers, 4 measures, 3 kinds (this and the next from python3-sklearn, BSD-3)
wine           178 wines, 13 measures, 3 growers
breast_cancer  569 tumours, 30 measures, malignant or benign
digits         1,797 images of digits, 8 x 8 as 64 columns, 10 classes
diabetes       442 patients, 10 measures, progression after a year (a number)
co2            526 months of carbon dioxide above Mauna Loa (python3-statsmodels, public domain)
karate         34 members of a club, 78 friendships, two sides (facts from Zachary 1977)
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

# unpacked PACKAGE FOLDER FILE: the folder of a Debian package's data, which has FILE in it. A package
# that is not installed is unpacked into the cache: these tables are small, what the packages depend
# on 300 MB.
unpacked() {
  local package=$1 inner=$2 file=$3 place=$cache/.$1
  if [ -e "/$inner/$file" ]; then
    echo "/$inner"
    return
  fi
  if [ ! -e "$place/$inner/$file" ]; then
    mkdir -p "$place"
    # A downloaded list of packages may be missing or old: then it is fetched once.
    if ! (cd "$place" && apt-get download -q "$package" >&2); then
      if [ "$(id -u)" -eq 0 ]; then apt-get update -q >&2; else sudo apt-get update -q >&2; fi
      (cd "$place" && apt-get download -q "$package" >&2)
    fi
    dpkg-deb -x "$place/$package"_*.deb "$place"
    rm -f "$place/$package"_*.deb
  fi
  echo "$place/$inner"
}

sklearn_tables() {
  unpacked python3-sklearn usr/lib/python3/dist-packages/sklearn/datasets/data wine_data.csv
}

# table NAME NAMES: reads cells on stdin and writes NAME/NAME.csv under a line of column names.
table() {
  local target=$cache/$1/$1.csv
  mkdir -p "$cache/$1"
  { echo "$2"; cat; } >"$target.part"
  mv "$target.part" "$target"
  echo "data: $1 is in $target"
}

# named FILE: the rows of a table whose first line is ROWS,COLUMNS,CLASS... and whose last cell is
# the index of a class, with the class's name in its place.
named() {
  LC_ALL=C awk -F, -v OFS=, 'NR == 1 { for (i = 3; i <= NF; i++) name[i - 3] = $i; next }
    { $NF = name[$NF]; print }' "$1"
}

iris() {
  named "$(sklearn_tables)/iris.csv" |
    table iris sepal_length,sepal_width,petal_length,petal_width,kind
}

wine() {
  named "$(sklearn_tables)/wine_data.csv" | table wine "alcohol,malic_acid,ash,alcalinity_of_ash,\
magnesium,total_phenols,flavanoids,nonflavanoid_phenols,proanthocyanins,color_intensity,hue,\
od280_od315,proline,grower"
}

breast_cancer() {
  local part measure columns=""
  for part in mean error worst; do
    for measure in radius texture perimeter area smoothness compactness concavity concave_points \
      symmetry fractal_dimension; do
      columns+="${part}_$measure,"
    done
  done
  named "$(sklearn_tables)/breast_cancer.csv" | table breast_cancer "${columns}diagnosis"
}

digits() {
  zcat "$(sklearn_tables)/digits.csv.gz" | table digits "$(seq -s, -f p%.0f 0 63),digit"
}

diabetes() {
  local from
  from=$(sklearn_tables)
  paste -d ' ' <(zcat "$from/diabetes_data_raw.csv.gz") <(zcat "$from/diabetes_target.csv.gz") |
    LC_ALL=C awk -v OFS=, '{ $NF = $NF + 0; $1 = $1; print }' |
    table diabetes age,sex,bmi,blood_pressure,s1,s2,s3,s4,s5,s6,progression
}

# Means of months from weekly measures; months without one (5 of 526) lie on the line between their
# neighbours.
co2() {
  local from
  from=$(unpacked python3-statsmodels usr/lib/python3/dist-packages/statsmodels/datasets/co2 co2.csv)
  LC_ALL=C awk -F, -v OFS=, '
    NR > 1 {
      month = substr($1, 1, 4) * 12 + substr($1, 5, 2) - 1
      if (NR == 2) first = month
      last = month
      if ($2 != "") { sum[month] += $2; count[month]++ }
    }
    END {
      for (m = first; m <= last; m++) {
        if (count[m]) { value = sum[m] / count[m] } else {
          for (before = m - 1; !count[before]; before--);
          for (after = m + 1; !count[after]; after++);
          low = sum[before] / count[before]; high = sum[after] / count[after]
          value = low + (high - low) * (m - before) / (after - before)
        }
        printf "%04d-%02d-01,%.3f\n", int(m / 12), m % 12 + 1, value
      }
    }' "$from/co2.csv" | table co2 month,ppm
}

# Who was whose friend in a karate club that came apart, by W. W. Zachary, An information flow model
# for conflict and fission in small groups, 1977: of each member the friends of a higher number. The
# two who are for training are the instructor and the president.
karate() {
  local target=$cache/karate part
  mkdir -p "$target"
  part=$(mktemp -d "$target/part.XXXXXX")
  {
    echo source,target
    LC_ALL=C awk -v OFS=, '{ for (i = 2; i <= NF; i++) print $1, $i }' <<'TEXT'
1 2 3 4 5 6 7 8 9 11 12 13 14 18 20 22 32
2 3 4 8 14 18 20 22 31
3 4 8 9 10 14 28 29 33
4 8 13 14
5 7 11
6 7 11 17
7 17
9 31 33 34
10 34
14 34
15 33 34
16 33 34
19 33 34
20 34
21 33 34
23 33 34
24 26 28 30 33 34
25 26 28 32
26 32
27 30 34
28 34
29 32 34
30 33 34
31 33 34
32 33 34
33 34
TEXT
  } >"$part/edges.csv"
  LC_ALL=C awk -v OFS=, 'BEGIN {
      split("1 2 3 4 5 6 7 8 9 11 12 13 14 17 18 20 22", members, " ")
      for (i in members) with_instructor[members[i]] = 1
      print "member", "part", "side"
      for (m = 1; m <= 34; m++)
        print m, m == 1 || m == 34 ? "train" : "test",
          m in with_instructor ? "instructor" : "president"
    }' >"$part/nodes.csv"
  mv "$part/edges.csv" "$part/nodes.csv" "$target/"
  rmdir "$part"
  echo "data: karate is in $target"
}

# The last 5 % of the text's characters, to whole verses, are held out.
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
    /^[0-9A-Za-z]+:[0-9]+ ./ {
      verse[++verses] = substr($0, index($0, " ") + 1)
      total += length(verse[verses]) + 1
    }
    END {
      for (i = 1; i <= verses; i++) {
        seen += length(verse[i]) + 1
        print verse[i] > (seen > 0.95 * total ? val : train)
      }
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
    fashion_mnist | kjv | iris | wine | breast_cancer | digits | diabetes | co2 | karate) ;;
    *)
      echo "data: unknown name '$name'; known:" >&2
      list >&2
      exit 2
      ;;
  esac
done
for name in "$@"; do
  case "$name" in
    fashion_mnist | kjv | karate) "$name" ;;
    *)
      if [ -s "$cache/$name/$name.csv" ]; then
        echo "data: $name is in $cache/$name/$name.csv"
      else
        "$name"
      fi
      ;;
  esac
done
