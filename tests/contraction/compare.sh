#!/usr/bin/env bash
# usage: compare.sh PROGRAM PROGRAM_FMA: both print the same lines; 77 where this CPU has no fused multiply-add
set -euo pipefail
grep -qw fma /proc/cpuinfo || exit 77
expected=$("$1")
made=$("$2")
[[ -n $expected ]]
diff <(printf '%s\n' "$expected") <(printf '%s\n' "$made") && echo "$(wc -l <<<"$expected") digests are equal"
