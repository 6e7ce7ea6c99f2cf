#!/usr/bin/env bash
# Compiles as the command would, with VNNI instructions in EVEX instead of VEX encoding: the compiler's own assembly with
# the prefix exchanged, so the same registers in the same order. compile_evex.sh ASSEMBLER COMMAND… -o OBJECT -c SOURCE…
set -euo pipefail
assembler=$1
shift
command=()
while (($#)); do
    case $1 in
        -o)
            object=$2
            shift
            ;;
        -c) ;;
        *) command+=("$1") ;;
    esac
    shift
done
"${command[@]}" -S -o "$object.s"
sed -i 's/{vex}/{evex}/' "$object.s"
"$assembler" -c "$object.s" -o "$object"
