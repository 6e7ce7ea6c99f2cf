#!/usr/bin/env bash
# Fails where a document names a file or folder of the tree that does not exist: in `code` that begins with a folder of the
# root, or as the target of a link. scripts/check_documents.sh [ROOT]
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/..}"

mapfile -t rooms < <(find . -mindepth 1 -maxdepth 1 -type d ! -name '.git' ! -name 'build*' -printf '%f\n')
pattern=$(IFS='|'; echo "${rooms[*]//./\\.}")
documents=(README.md CONTRIBUTING.md docs/*.md bench/README.md data/README.md data/*/README.md models/README.md)
failed=0 named=0
complain() {
    echo "$1: there is no $2" >&2
    failed=1
}
for document in "${documents[@]}"; do
    # Code with a placeholder (NAME, *, {a,b}, …) is of no file.
    while read -r path; do
        named=$((named + 1))
        [[ -e $path ]] || complain "$document" "$path"
    done < <(grep -oP "\`\K($pattern)/[a-z0-9_./-]*(?=\`)" "$document" | sort -u)
    while read -r path; do
        named=$((named + 1))
        [[ -e $(dirname "$document")/$path ]] || complain "$document" "$path"
    done < <(grep -oP '\]\(\K[^)#: ]+(?=(#[^)]*)?\))' "$document" | sort -u)
done
((failed)) || echo "$named files and folders named by ${#documents[@]} documents exist"
exit "$failed"
