#!/usr/bin/env bash
# Fails if a source file includes what its folder may not: scripts/check_includes.sh [ROOT]
#
#   base      -> nothing                      vision    -> graph, kernels, base
#   kernels   -> base                         yolop     -> vision and whatever is left of here
#   graph     -> kernels, base                quantizer -> yolop and the same
#   engine    -> graph, kernels, base         compare   -> quantizer and the same
#   frontends -> engine, graph, base          apps, tests, bench -> everything
#
#   frontends/onnx and other readers -> graph, base
#   engine/cpu and engine/npu_emu -> engine, and npu_emu -> cpu, whose arithmetic is one of its profiles; of engine/
#   itself compile.cc alone -> backends
#
# Instruction-set folders of kernels/ see intrinsics, <cstdint> and kernel headers only; protobuf is seen by
# frontends/onnx and its tests, FFmpeg by vision/video and its tests; quoted includes are paths from the root; headers
# begin with #pragma once.
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/..}"

mapfile -d '' files < <(find apps base bench compare engine frontends graph kernels quantizer tests vision yolop -type f \( -name '*.cc' -o -name '*.h' \) \
    -print0 2>/dev/null | sort -z)
if ((${#files[@]} == 0)); then
    echo "check_includes: no source files under $PWD" >&2
    exit 2
fi

awk '
    BEGIN {
        may["base"] = "base"
        may["kernels"] = "kernels base"
        may["graph"] = "graph kernels base"
        may["frontends"] = "frontends engine graph kernels base"
        may["vision"] = "vision graph kernels base"
        may["yolop"] = "yolop vision " may["frontends"]
        may["quantizer"] = "quantizer " may["yolop"]
        may["compare"] = "compare " may["quantizer"]
        may["engine"] = "engine graph kernels base"
        sees_protobuf = "^(tests/)?frontends/onnx/"
        sees_ffmpeg = "^(vision|tests)/video/"
    }
    function complain(text) {
        printf "%s:%d: %s\n", FILENAME, FNR, text
        failed = 1
    }
    function exists(path,   line, found) {
        found = (getline line < path) >= 0
        close(path)
        return found
    }
    function end_of_file() {
        if (previous ~ /\.h$/ && !has_pragma) {
            printf "%s:1: no #pragma once\n", previous
            failed = 1
        }
    }
    FNR == 1 {
        end_of_file()
        previous = FILENAME
        has_pragma = 0
        split(FILENAME, part, "/")
        top = part[1]
        is_isa = top == "kernels" && part[3] != "" && part[2] != "reference"
    }
    /^#pragma once/ { has_pragma = 1 }
    /^[ \t]*#[ \t]*include[ \t]*"/ {
        split($0, quoted, "\"")
        target = quoted[2]
        split(target, target_part, "/")
        if (target ~ /\.pb\.h$/) {
            if (FILENAME !~ sees_protobuf) complain("\"" target "\": only frontends/onnx and its tests may see protobuf")
        } else if (!exists(target)) {
            complain("\"" target "\" is not a path from the root of the tree")
        } else if (top == "engine" && target ~ /^engine\/(cpu|npu_emu)\// && part[2] != target_part[2] &&
                   !(part[2] == "npu_emu" && target_part[2] == "cpu") && FILENAME != "engine/compile.cc") {
            complain("a backend is known to engine/compile.cc only: \"" target "\"")
        } else if (FILENAME ~ /^frontends\/[a-z]+\// && target ~ /^engine\//) {
            complain("readers of files know graphs only: \"" target "\"")
        } else if (top in may && index(" " may[top] " ", " " target_part[1] " ") == 0) {
            complain(top "/ must not include " target_part[1] "/: \"" target "\"")
        }
    }
    /^[ \t]*#[ \t]*include[ \t]*</ {
        split($0, bracketed, /[<>]/)
        target = bracketed[2]
        if (is_isa && target !~ /^(immintrin\.h|arm_neon\.h|cstdint)$/) {
            complain("<" target ">: instruction-set folders see intrinsics, <cstdint> and kernel headers only")
        }
        if (target ~ /^lib(av|sw)[a-z]+\// && FILENAME !~ sees_ffmpeg) {
            complain("<" target ">: only vision/video and its tests may see FFmpeg")
        }
        if (target ~ /^google\/protobuf\// && FILENAME !~ sees_protobuf) {
            complain("<" target ">: only frontends/onnx and its tests may see protobuf")
        }
    }
    END {
        end_of_file()
        exit failed
    }
' "${files[@]}"
echo "${#files[@]} files include what they may"
