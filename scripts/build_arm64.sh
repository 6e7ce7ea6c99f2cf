#!/usr/bin/env bash
# Builds for 64-bit Arm Linux by Debian's cross compiler: scripts/build_arm64.sh [--tests] [--unpack]
#
#   (nothing)   yolop-run, octet-run and octet-bench without shared libraries, to copy to a board: build-arm64-static/bin/
#   --tests     programs and tests of kernels, engine and graph to run by qemu-aarch64: build-arm64/
#   --unpack    takes the arm64 packages by apt-get download and dpkg -x into build-arm64-packages/ instead of installing
#               them; needs no privileges. The cross compiler has to be there, and arm64 among dpkg's architectures.
#
# Installing arm64 packages can upgrade amd64 ones: packages of both have to be of one version. --unpack changes nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tests=0 unpack=0
for argument in "$@"; do
    case $argument in
        --tests) tests=1 ;;
        --unpack) unpack=1 ;;
        *)
            echo "usage: $0 [--tests] [--unpack]" >&2
            exit 2
            ;;
    esac
done

packages=$PWD/build-arm64-packages
arguments=(-G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_TOOLCHAIN_FILE="$PWD/cmake/aarch64-linux-gnu.cmake" -DOCTET_WERROR=ON
    -DOCTET_BENCH=OFF -DOCTET_VIDEO=OFF)
if ((unpack)); then
    if [[ ! -d $packages/usr ]]; then
        mapfile -t names < <(scripts/install_packages.sh --list-arm64 | grep ':arm64$')
        # What they depend on, but for the C and C++ libraries, which the cross compiler brings.
        mapfile -t all < <(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
            --no-replaces --no-enhances "${names[@]}" | grep -E '^[a-z0-9].*:arm64$' |
            grep -vE '^(libc6|libc6-dev|libc-dev-bin|libcrypt.*|linux-libc-dev|libgcc.*|libstdc\+\+.*|gcc.*|g\+\+.*|perl.*|python.*):' |
            sort -u)
        mkdir -p "$packages/downloads"
        (cd "$packages/downloads" && apt-get download "${names[@]}" "${all[@]}" >&2)
        for package in "$packages"/downloads/*.deb; do dpkg -x "$package" "$packages"; done
    fi
    arguments+=(-DOCTET_ARM64_PACKAGES="$packages")
else
    scripts/install_packages.sh --arm64
fi

if ((tests)); then
    cmake -S . -B build-arm64 "${arguments[@]}" >&2
    cmake --build build-arm64 --target kernels_test engine_test graph_test octet-run yolop-run >&2
else
    cmake -S . -B build-arm64-static "${arguments[@]}" -DOCTET_STATIC=ON -DOCTET_TESTS=OFF >&2
    cmake --build build-arm64-static --target yolop-run octet-run octet-bench >&2
    ls -l build-arm64-static/bin
fi
