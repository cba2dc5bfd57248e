# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced by .ci/run and scripts/check.sh: runs stages, goes on after a failure, and adds up what
# each ctest said. A stage that fails outside of ctest, or runs no test, counts as one failed test.
stage_logs=build/stages
stages_total=0
stages_failed=0
stages_report=""

# stage NAME COMMAND...: a function runs in a subshell of its own with `set -e` in force.
stage() {
  local name=$1 log=$stage_logs/$1.log started=$SECONDS code=0 line failed=0 total=0 note=""
  shift
  mkdir -p "$stage_logs"
  echo "==> stage $name"
  # errexit is ignored in a command whose status is tested, hence the new shell.
  set +e
  (set -euo pipefail; "$@") 2>&1 | tee "$log"
  code=${PIPESTATUS[0]}
  set -e
  line=$(grep -E '^[0-9]+% tests passed, [0-9]+ tests failed out of [0-9]+' "$log" | tail -n 1 || true)
  if [ -n "$line" ]; then
    failed=$(sed -E 's/.*, ([0-9]+) tests failed.*/\1/' <<<"$line")
    total=$(sed -E 's/.* out of ([0-9]+).*/\1/' <<<"$line")
  fi
  if [ "$total" -eq 0 ]; then
    note="no test ran (exit code $code)"
    failed=1
    total=1
  elif [ "$code" -ne 0 ] && [ "$failed" -eq 0 ]; then
    note="tests passed, but the stage ended with exit code $code"
    failed=1
    total=$((total + 1))
  fi
  stages_total=$((stages_total + total))
  stages_failed=$((stages_failed + failed))
  stages_report+=$(printf '%-12s %5d tests %4d failed %6d s  %s' "$name" "$total" "$failed" \
    $((SECONDS - started)) "$note")$'\n'
  if grep -q '^The following tests FAILED:' "$log"; then
    stages_report+=$(sed -n '/^The following tests FAILED:/,/^Errors while/{/^\t/p;/^ /p}' "$log")$'\n'
  fi
}

# The whole in ctest's form, last; its status is the status of the run.
stages_summary() {
  local percent=0
  [ "$stages_total" -gt 0 ] && percent=$((100 * (stages_total - stages_failed) / stages_total))
  printf '\n%s\n' "$stages_report"
  echo "$percent% tests passed, $stages_failed tests failed out of $stages_total"
  [ "$stages_total" -gt 0 ] && [ "$stages_failed" -eq 0 ]
}

# preset_stage PRESET [LABEL]: builds what the label needs (all without one) and runs it.
preset_stage() {
  local preset=$1 label=${2:-} jobs=${GRADUS_JOBS:-$(nproc)}
  cmake --preset "$preset"
  if [ -n "$label" ]; then
    cmake --build --preset "$preset" -j "$jobs" --target "${label}_tests"
    ctest --preset "$preset" -j "$jobs" -L "^$label\$"
  else
    cmake --build --preset "$preset" -j "$jobs"
    ctest --preset "$preset" -j "$jobs"
  fi
}
