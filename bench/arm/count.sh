#!/usr/bin/env bash
# Instructions and modelled cycles of one inference on a level of Arm: bench/arm/count.sh LEVEL [MODEL]
#
# Runs octet-run of build-arm64/ (scripts/build_arm64.sh --tests) by qemu-aarch64 on a CPU of exactly the level, one thread,
# two runs less one. Needs the Debian package llvm-19.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

case ${1-} in
    neon) cpu=cortex-a53 core=neoverse-n1 ;;
    neon_dotprod) cpu=cortex-a76 core=neoverse-n1 ;;
    neon_i8mm) cpu=max,sve=off core=neoverse-v1 ;;
    *)
        echo "usage: $0 neon|neon_dotprod|neon_i8mm [MODEL]" >&2
        exit 2
        ;;
esac
model=${2-models/yolop-640-int8.onnx}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
g++ -std=c++20 -O2 -fPIC -shared -fvisibility=hidden bench/arm/block_counter.cc -o "$work/counter.so"
for runs in 1 2; do
    QEMU_CPU=$cpu QEMU_PLUGIN="file=$work/counter.so,out=$work/$runs" \
        qemu-aarch64 build-arm64/bin/octet-run "$model" --threads 1 --runs "$runs" --quiet >/dev/null
done
echo "$1: $(python3 bench/arm/report.py "$work/2" "$work/1" "$core")"
