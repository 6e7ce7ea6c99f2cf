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

# run_tests PROGRAM FILTER: in a process for each core, which takes a share of the tests; of a process for each test the
# emulator's start would take longer than the tests do.
run_tests() {
    local shares i passed failed=0 pids=()
    shares=$(nproc)
    for ((i = 0; i < shares; ++i)); do
        GTEST_TOTAL_SHARDS=$shares GTEST_SHARD_INDEX=$i \
            qemu-aarch64 "build-arm64/bin/$1" --gtest_filter="$2" >"$work/share$i" 2>&1 &
        pids+=($!)
    done
    for ((i = 0; i < shares; ++i)); do
        if ! wait "${pids[i]}"; then
            failed=1
            grep -v -E '^\[( RUN  |       OK |-)' "$work/share$i" >&2 || true
        fi
    done
    passed=$(cat "$work"/share* | grep -c '^\[       OK ') || true
    echo "  $1: $passed passed, $(cat "$work"/share* | grep -c '^\[  SKIPPED \].* (') skipped"
    ((passed > 0 && failed == 0))
}

declare -A cpu=([neon]=cortex-a53 [neon_dotprod]=cortex-a76 [neon_i8mm]='max,sve=off')
# Left out: whole networks of 640x640 that take the emulator a minute and more. Float ones, which no kernel for integers
# has to do with; at the higher levels also those that the outputs below hold as well.
left_out='Yolop.EveryRewriteTogether*'
# x86 has thousands of them; here they are for what a level does otherwise.
export OCTET_DIFFERENTIAL_GRAPHS=100
for level in neon neon_dotprod neon_i8mm; do
    export QEMU_CPU=${cpu[$level]}
    echo "$level on $QEMU_CPU"
    if [[ $level == neon ]]; then
        run_tests kernels_test '*'
    else
        # The kernels of lower levels are the same code on any CPU; what a level has of its own is named after it.
        run_tests kernels_test "*_$level:Dispatch*:Levels*:ConvSelect*:CpuFeatures*"
        left_out+=:OctetFixed16.equals_the_cpu_backend_on_every_tensor_of_every_committed_model
        # What calls no kernel of these levels: most of an NPU's emulation, and graph/, whose float kernels are neon's.
        left_out+=':Truth/*:Offload.*:Rules.*:Profiles.*'
    fi
    run_tests engine_test "-$left_out"
    if [[ $level == neon ]]; then
        run_tests graph_test "-$left_out"
    fi
    chosen=$(qemu-aarch64 build-arm64/bin/octet-run --info | awk '$1 == "level" { print $2 }')
    if [[ $chosen != "$level" ]]; then
        echo "test_arm64: on $QEMU_CPU octet-run takes $chosen, not $level" >&2
        exit 1
    fi
    qemu-aarch64 build-arm64/bin/octet-run "$network" --npy "$work/$level-float" >&2
    qemu-aarch64 build-arm64/bin/yolop-run -m "$network" --npy "$work/$level" -o "$work/$level" "$picture"
    for file in "$work"/x86/*.{npy,png} "$work"/x86-float/*.npy; do
        folder=$(basename "$(dirname "$file")")
        cmp "$file" "$work/${folder/x86/$level}/$(basename "$file")"
    done
    echo "  outputs of a picture, its overlay, and outputs of random floats equal x86's"
done
