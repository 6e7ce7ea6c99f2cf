#!/usr/bin/env bash
# Installs, builds and runs the tests: scripts/test.sh [PRESET [CTEST_ARGUMENT…]]
# PRESET is one of CMakePresets.json's, release by default. Ends with what was skipped, and why.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=${1:-release}
scripts/install_packages.sh
cmake --preset "$preset" >&2
cmake --build --preset "$preset" >&2
results=$(mktemp)
trap 'rm -f "$results"' EXIT
status=0
ctest --preset "$preset" --parallel "$(nproc)" --output-junit "$results" "${@:2}" || status=$?
scripts/list_skipped.sh "$results"
exit "$status"
