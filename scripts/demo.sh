#!/usr/bin/env bash
# Installs, builds, and runs YOLOP on pictures of this repository: build/demo/NAME.yolop.png.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

int8_model=models/yolop-640-int8.onnx
float_model=../shared/models/yolop-640.onnx
if [[ -f $int8_model ]]; then
    model=$int8_model
elif [[ -f $float_model ]]; then
    model=$float_model
    echo "demo: there is no $int8_model yet, so this runs the float model $float_model" >&2
else
    echo "demo: no model: neither $int8_model nor $float_model exists under $PWD" >&2
    exit 3
fi

scripts/install_packages.sh
cmake --preset release >&2
cmake --build --preset release --target yolop-run >&2

build/bin/yolop-run data/scenes/images/scene-00000[1-4].jpg -m "$model" -o build/demo
echo "The pictures:"
ls "$PWD"/build/demo/*.yolop.png
