#!/usr/bin/env bash
# Formats every tracked source file in place; with --check only says which ones would change, and fails if any would.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case "${1-}" in
    "") mode=(-i) ;;
    --check) mode=(--dry-run -Werror) ;;
    *)
        echo "usage: $0 [--check]" >&2
        exit 2
        ;;
esac
git ls-files -z '*.cc' '*.h' | xargs -0 -r clang-format "${mode[@]}"
