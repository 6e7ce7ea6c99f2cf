#!/usr/bin/env bash
# Fails if an object of a level without AVX-512 holds what only AVX-512 has: check_vex.sh OBJDUMP OBJECT… [-- EVEX…]
#
# An EVEX encoding, a register above 15, a mask or 512 bits: each crashes on a CPU without AVX-512. After --: objects of
# the same folders and names as some before it, in EVEX encoding (level avxvnni_evex); they must be the same
# instructions.
set -euo pipefail
if (($# < 2)); then
    echo "usage: $0 OBJDUMP OBJECT… [-- EVEX…]" >&2
    exit 2
fi
objdump=$1
shift

# The bytes, a tab, the instruction.
instructions() {
    "$objdump" -d --wide "$1" | awk -F'\t' 'NF >= 3 { sub(/ +$/, "", $2); print $2 "\t" $3 }'
}
# What is left when code only moves: no bytes, no encoding, no targets, no padding.
moved() {
    instructions "$1" | cut -f 2 | sed -E 's/\{e?vex\} +//; s/ +#.*//; s/0x[0-9a-f]+\(%rip\)/(%rip)/; s/^((bnd |notrack )*(j[a-z]+|call)) +[^*].*/\1/' |
        grep -vE '^(data16 |cs )*(nop|xchg +%ax,%ax)'
}

folder_and_name() {
    [[ $1 =~ ([^/]+/)?[^/]+$ ]]
    echo "${BASH_REMATCH[0]}"
}

failed=0 vnni=0
declare -A vex
while (($#)) && [[ $1 != -- ]]; do
    vex[$(folder_and_name "$1")]=$1
    listing=$(instructions "$1")
    found=$(grep -E $'^((26|2e|36|3e|64|65|67) )*62 |\t.*%(zmm|k[0-7]|[xy]mm(1[6-9]|2[0-9]|3[01]))' <<<"$listing" || true)
    if [[ -n $found ]]; then
        printf '%s needs AVX-512:\n%s\n' "$1" "$found"
        failed=1
    fi
    vnni=$((vnni + $(grep -cE 'vpdp(busd|wssd)' <<<"$listing" || true)))
    shift
done
checked=${#vex[@]}
(($# == 0)) || shift

if ((vnni == 0)); then
    echo "no VNNI instruction in any of $checked objects: are these the level's?"
    failed=1
fi
evex_checked=$#
for object in "$@"; do
    twin=${vex[$(folder_and_name "$object")]-}
    if [[ -z $twin ]]; then
        echo "$object has no twin in VEX encoding"
        failed=1
    elif ! difference=$(diff <(moved "$twin") <(moved "$object")); then
        printf '%s and its twin %s differ by more than the encoding:\n%s\n' "$object" "$twin" "$(head -20 <<<"$difference")"
        failed=1
    elif instructions "$object" | grep -E '\{vex\}|^c4 .*vpdp'; then
        echo "$object still holds VNNI in VEX encoding"
        failed=1
    fi
done
((failed)) || echo "no AVX-512 in $checked objects with $vnni VNNI instructions; $evex_checked twins are the same instructions"
exit "$failed"
