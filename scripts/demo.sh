#!/usr/bin/env bash
# Installs, builds, and runs YOLOP on pictures of this repository: build/demo/NAME.yolop.png.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/install_packages.sh
cmake --preset release >&2
cmake --build --preset release --target yolop-run >&2

build/bin/yolop-run data/scenes/images/scene-00000[1-4].jpg -o build/demo
echo "The pictures:"
ls "$PWD"/build/demo/*.yolop.png
