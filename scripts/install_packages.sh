#!/usr/bin/env bash
# Installs the Debian packages that octet needs (Debian 12, Ubuntu 24.04, and their successors).
#
#   scripts/install_packages.sh          what building and testing needs
#   scripts/install_packages.sh --lint   and what the style checks of .ci/run need
#   scripts/install_packages.sh --arm64  and what building for 64-bit Arm and testing that here need; adds the architecture
#                                        to dpkg, and packages of both architectures are brought to one version
#   scripts/install_packages.sh --list-arm64   names the latter, and installs nothing
#   scripts/install_packages.sh --video  and what reading videos needs, which is optional (OCTET_VIDEO)
#
# Does nothing, and needs no privileges, when all of them are installed.
set -euo pipefail

required=(
    cmake ninja-build g++ git
    libxsimd-dev libstb-dev libjpeg-dev libpng-dev libdeflate-dev libexif-dev
    libprotobuf-dev protobuf-compiler
    libcli11-dev libfmt-dev nlohmann-json3-dev libexpected-dev
    libgtest-dev libgmock-dev libbenchmark-dev
)
# Missing from some releases: ccache only saves time, and without the test data the suite that uses them skips.
optional=(ccache libonnx-testdata)

arm64=(
    g++-aarch64-linux-gnu qemu-user
    libxsimd-dev:arm64 libstb-dev:arm64 libjpeg-dev:arm64 libpng-dev:arm64 libdeflate-dev:arm64 libexif-dev:arm64
    libprotobuf-dev:arm64 libfmt-dev:arm64 libgtest-dev:arm64 libgmock-dev:arm64
)

for argument in "$@"; do
    case "$argument" in
        --lint) required+=(clang-format clang-tidy) ;;
        --video) required+=(libavformat-dev libavcodec-dev libavdevice-dev libswscale-dev pkgconf) ;;
        --arm64)
            required+=("${arm64[@]}")
            foreign=arm64
            ;;
        --list-arm64)
            printf '%s\n' "${arm64[@]}"
            exit 0
            ;;
        *)
            echo "usage: $0 [--lint] [--video] [--arm64] [--list-arm64]" >&2
            exit 2
            ;;
    esac
done

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "install_packages: not a Debian-like system; octet needs what these packages hold: ${required[*]}" >&2
    exit 0
fi

is_installed() { [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }
# Without -q: grep would close the pipe early, and pipefail take apt-cache's SIGPIPE for an answer.
has_candidate() { apt-cache policy "$1" | grep 'Candidate: [^(]' >/dev/null; }

missing=()
for package in "${required[@]}"; do
    is_installed "$package" || missing+=("$package")
done
missing_optional=()
for package in "${optional[@]}"; do
    is_installed "$package" || missing_optional+=("$package")
done
if ((${#missing[@]} + ${#missing_optional[@]} == 0)); then
    exit 0
fi

as_root=()
if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
        echo "install_packages: as root, run: apt-get install ${missing[*]} ${missing_optional[*]}" >&2
        ((${#missing[@]} == 0)) && exit 0
        exit 3
    fi
    as_root=(sudo)
fi
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3)

if [[ -n ${foreign-} ]] && ! dpkg --print-foreign-architectures | grep -qx "$foreign"; then
    "${as_root[@]}" dpkg --add-architecture "$foreign"
fi
echo "install_packages: installing ${missing[*]} ${missing_optional[*]}" >&2
"${apt[@]}" update >&2 || echo "install_packages: apt-get update failed; trying with the package lists at hand" >&2
for package in "${missing_optional[@]}"; do
    if has_candidate "$package"; then
        missing+=("$package")
    else
        echo "install_packages: this release has no $package; going on without it" >&2
    fi
done
if ((${#missing[@]} > 0)); then
    "${apt[@]}" install --yes --no-install-recommends "${missing[@]}" >&2
fi
