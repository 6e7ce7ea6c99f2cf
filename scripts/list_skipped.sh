#!/usr/bin/env bash
# Of a report of ctest --output-junit: how many tests were skipped, and one line a reason with their names:
# scripts/list_skipped.sh REPORT
set -euo pipefail

awk '
    # GoogleTest prints "FILE:LINE: Skipped", and the reason on the next line.
    /<testcase / {
        name = $0
        sub(/.*<testcase name="/, "", name)
        sub(/".*/, "", name)
        skipped = follows = 0
        reason = "without a reason"
    }
    /<skipped/ { skipped = 1 }
    follows && $0 != "" { reason = $0; follows = 0 }
    /: Skipped$/ { follows = 1 }
    /<\/testcase>/ && skipped {
        ++total
        gsub(/&quot;/, "\"", reason); gsub(/&apos;/, "\047", reason); gsub(/&lt;/, "<", reason); gsub(/&gt;/, ">", reason)
        gsub(/&amp;/, "\\&", reason)
        # What an importer refuses differs in the names of its nodes.
        if (reason ~ /^unsupported: /) reason = "an operator, type or shape that octet says it does not support"
        if (!(reason in count)) order[++reasons] = reason
        names[reason] = names[reason] (count[reason]++ ? " " : "") name
    }
    END {
        printf "%d tests skipped\n", total
        for (i = 1; i <= reasons; ++i) printf "  %4d  %s: %s\n", count[order[i]], order[i], names[order[i]]
    }
' "$1"
