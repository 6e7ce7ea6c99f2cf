#!/usr/bin/env bash
# The levels of Arm without such a machine: tests, and the network beside what x86 computes, by qemu-aarch64 on a CPU of
# exactly each level, where an instruction of a higher one is no instruction.
#
#   scripts/test_arm64.sh     after scripts/test.sh, whose build/bin/ has the x86 programs
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/build_arm64.sh --tests
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
network=models/yolop-640-int8.onnx
picture=data/scenes/images/scene-000001.jpg
build/bin/octet-run "$network" --npy "$work/x86-float" >&2
build/bin/yolop-run -m "$network" --npy "$work/x86" -o "$work/x86" "$picture"

ctest --test-dir build-arm64 -R '^check_' --output-on-failure
declare -A cpu=([neon]=cortex-a53 [neon_dotprod]=cortex-a76 [neon_i8mm]=max,sve=off)
for level in neon neon_dotprod neon_i8mm; do
    export QEMU_CPU=${cpu[$level]}
    echo "$level on $QEMU_CPU"
    # But for whole float networks of 640x640, minutes in an emulator, which no kernel for integers has to do with.
    ctest --test-dir build-arm64 -L '^(kernels|engine|graph)_test$' -E '^Yolop\.EveryRewriteTogether' --output-on-failure \
        --parallel "$(nproc)" | tail -4
    chosen=$(qemu-aarch64 build-arm64/bin/octet-run --info | awk '$1 == "level" { print $2 }')
    if [[ $chosen != "$level" ]]; then
        echo "test_arm64: on $QEMU_CPU octet-run takes $chosen, not $level" >&2
        exit 1
    fi
    qemu-aarch64 build-arm64/bin/octet-run "$network" --npy "$work/$level-float" >&2
    qemu-aarch64 build-arm64/bin/yolop-run -m "$network" --npy "$work/$level" -o "$work/$level" "$picture"
    for kind in "" -float; do
        for file in "$work/x86$kind"/*.npy; do cmp "$file" "$work/$level$kind/$(basename "$file")"; done
    done
    echo "$level: outputs of a picture and of random floats equal x86's"
done
