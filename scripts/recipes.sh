#!/usr/bin/env bash
# Follows the recipes of docs/ on scratch copies of the tree: scripts/recipes.sh [PAGE…], by default every page
# of docs/ that has some.
#
# What a page shows is what is done, block by block:
#
#     ```cpp PATH    a new file
#     ```diff PATH   a change of one: lines with " " or "-" must stand there in a row, once; those with "+" are put in
#                    place; "@@" begins the next change
#     ```sh recipe   commands, run at the root of the copy
#
# Blocks of other kinds are to read only. The copies, with their builds, stay in
# build/recipes/PAGE/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pages=("$@")
for page in "${pages[@]}"; do
    [[ -f $page ]] || { echo "recipes: '$page' is no page; usage: scripts/recipes.sh [PAGE…]" >&2 && exit 2; }
done
((${#pages[@]})) || mapfile -t pages < <(grep -l '^```sh recipe$' docs/*.md)

follow='
    function fail(text) {
        printf "%s:%d: %s\n", page, FNR, text > "/dev/stderr"
        exit 1
    }
    function read_file(path,   line, text) {
        if ((getline line < path) < 0) fail(path " does not exist")
        do text = text line "\n"; while ((getline line < path) > 0)
        close(path)
        return text
    }
    function change(   text, at) {
        if (before == "" && after == "") return
        text = read_file(path)
        at = index("\n" text, "\n" before)
        if (!at || before == "") fail(path " has no such lines:\n" before)
        if (index(substr("\n" text, at + 1), "\n" before)) fail(path " has these lines twice:\n" before)
        printf "%s", substr(text, 1, at - 1) after substr(text, at + length(before)) > path
        close(path)
        before = after = ""
    }
    /^```/ && kind == "" {
        kind = substr($1, 4)
        path = $2
        if (kind == "") kind = "text"
        if (kind == "cpp" && path != "") {
            if ((getline line < path) >= 0) fail(path " exists")
            folder = path
            sub(/[^\/]*$/, "", folder)
            system("mkdir -p ./" folder)
            printf "" > path
        }
        commands = ""
        next
    }
    /^```/ {
        if (kind == "diff" && path != "") change()
        if (kind == "cpp" && path != "") close(path)
        if (kind == "sh" && path != "" && system("set -eux\n" commands) != 0) fail("a command failed")
        if (path != "") ++done
        kind = ""
        next
    }
    kind == "cpp" && path != "" { print > path }
    kind == "sh" { commands = commands $0 "\n" }
    kind == "diff" && path != "" {
        sign = substr($0, 1, 1)
        if (/^@@/) change()
        else if ($0 == "" || sign == " ") { before = before substr($0, 2) "\n"; after = after substr($0, 2) "\n" }
        else if (sign == "-") before = before substr($0, 2) "\n"
        else if (sign == "+") after = after substr($0, 2) "\n"
        else fail("neither \" \", \"-\" nor \"+\": " $0)
    }
    END { if (!done) { print page ": nothing to follow" > "/dev/stderr"; exit 1 } }
'

export CMAKE_BUILD_PARALLEL_LEVEL
CMAKE_BUILD_PARALLEL_LEVEL=$(nproc)
for page in "${pages[@]}"; do
    start=$SECONDS
    page=$(realpath "$page")
    copy=$PWD/build/recipes/$(basename "$page" .md)
    mkdir -p "$copy"
    find "$copy" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
    git ls-files -z --cached --others --exclude-standard | xargs -0 ls -d 2>/dev/null | tar -c -T - | tar -x -C "$copy"
    # The copy's objects come out of the cache where the tree's have been compiled, wherever either lies.
    (cd "$copy" && CCACHE_BASEDIR=$copy CCACHE_NOHASHDIR=1 awk -v page="$page" "$follow" "$page")
    echo "$page: followed in $((SECONDS - start)) s"
done
