#!/usr/bin/env bash
# Fails if an object of a level of Arm holds an instruction above the level: check_arm_instructions.sh OBJDUMP OBJECT…
#
# Each folder is compiled with the flags of its level, but what the compiler makes of plain code, a typo in a flag or an
# asm statement decides what is in the object. Forbidden everywhere: SVE, half and bfloat16 floats.
set -euo pipefail
if (($# < 2)); then
    echo "usage: $0 OBJDUMP OBJECT…" >&2
    exit 2
fi
objdump=$1
shift

failed=0
for object in "$@"; do
    # Mnemonics, or operands for what has no mnemonics of its own.
    everywhere='\tbf(dot|mmla|mlal[bt]?|cvtn?2?)\t|\t[a-z0-9]+\t.*\b[zp][0-9]+(\.[bhsd]|/[mz])|\tf[a-z0-9]+\t(v[0-9]+\.[48]h|h[0-9]+,)'
    case $object in
        */arm_neon_i8mm/*) above='\t[a-z0-9]*NONE' ;;
        */arm_neon_dotprod/*) above='\t(usdot|sudot|smmla|ummla|usmmla)\t' ;;
        */arm_neon/*) above='\t(sdot|udot|usdot|sudot|smmla|ummla|usmmla|sqrdmla[a-z]*|cas[a-z]*|ld(add|clr|eor|set)[a-z]*|swp[a-z]*)\t' ;;
        *) continue ;;
    esac
    found=$("$objdump" -d --no-show-raw-insn "$object" | grep -P "$everywhere|$above" | head -5 || true)
    if [[ -n $found ]]; then
        printf '%s holds instructions above its level:\n%s\n' "$object" "$found"
        failed=1
    fi
done
((failed)) || echo "no instruction above its level in $# objects"
exit "$failed"
