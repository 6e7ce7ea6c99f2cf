#!/usr/bin/env bash
# Installs build/ into a scratch folder, builds tests/consumer against it and runs both: scripts/test_install.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cmake --install build --prefix "$scratch/octet" >/dev/null
cmake -S tests/consumer -B "$scratch/consumer" -DCMAKE_PREFIX_PATH="$scratch/octet" >/dev/null
cmake --build "$scratch/consumer"
"$scratch/consumer/consumer" "$scratch/octet/share/octet/models/yolop-640-int8.onnx"
# The program finds the network that was installed beside it.
picture=$PWD/$(find data/scenes/images -name '*.jpg' -print -quit)
cd "$scratch"
octet/bin/yolop-run "$picture"
