#!/usr/bin/env bash
# Runs clang-tidy on the project's own sources, or on those whose path matches one of the given regular expressions:
# scripts/tidy.sh [REGEX…]. Needs a configured and built build/, or $BUILD, for its compile_commands.json and generated headers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=${BUILD:-build}
if [[ ! -f $build/compile_commands.json ]]; then
    echo "tidy: no $build/compile_commands.json; configure and build first: scripts/test.sh" >&2
    exit 3
fi
if (($# == 0)); then
    # Anchored at the root, which leaves out what protoc wrote into build/.
    set -- "^$PWD/(apps|base|bench|compare|engine|frontends|graph|kernels|quantizer|tests|vision|yolop)/"
fi
# The compile commands are g++'s, with warnings that clang does not know.
run-clang-tidy -quiet -p "$build" -j "$(nproc)" -extra-arg=-Wno-unknown-warning-option "$@"
