#!/usr/bin/env bash
# Fails where an integer type is spelled without std:: (int8_t … uint64_t, size_t, ptrdiff_t) outside of comments:
# scripts/check_spelling.sh [ROOT]. clang-tidy holds the rest of the spelling.
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/..}"

# A header for C (api/octet.h) has no namespaces.
# Comments and strings are taken out first.
found=$(find apps base bench compare engine frontends graph kernels quantizer tests vision yolop \
    \( -name '*.cc' -o -name '*.h' \) -print0 2>/dev/null |
    xargs -0 perl -ne 'my $code = $_; $code =~ s{"(?:[^"\\]|\\.)*"|//.*}{}g;
        print "$ARGV:$.:$_" if $code !~ /^\s*#include/ && $code =~ /(?<![\w:])(u?int(8|16|32|64|ptr)_t|size_t|ptrdiff_t)\b/;
        close ARGV if eof')
if [[ -n $found ]]; then
    printf '%s\n' "$found" "check_spelling: std:: before these types" >&2
    exit 1
fi
