#!/usr/bin/env bash
# Fails if an object of an instruction-set folder defines a weak symbol: check_isa_symbols.sh NM OBJECT…
#
# An inline function or template that such a file instantiates is compiled with, say, AVX2; the linker may pick that copy
# for the whole program, which then crashes on a CPU without AVX2. The cure: give it internal linkage (an anonymous
# namespace, static) or force its inlining.
set -euo pipefail
if (($# < 1)); then
    echo "usage: $0 NM OBJECT…" >&2
    exit 2
fi
nm=$1
shift

failed=0
for object in "$@"; do
    # V, W: weak; u: unique over the process. DW.ref.* is the pointer to the exception handler, data without a flavour.
    weak=$("$nm" --defined-only --demangle "$object" | awk '$2 ~ /^[VWu]$/ && $3 !~ /^DW\.ref\./')
    if [[ -n $weak ]]; then
        printf '%s defines weak symbols:\n%s\n' "$object" "$weak"
        failed=1
    fi
done
((failed)) || echo "no weak symbols in $# objects"
exit "$failed"
