#!/usr/bin/env python3
"""Runs clang-tidy on the project's own sources, or on those whose path matches one of the given regular expressions:
scripts/tidy.py [REGEX…]. Needs a configured and built build/, or $BUILD: compile_commands.json and generated headers.

Most of what clang-tidy works on is not a source but the headers above it, so the sources of a folder that are compiled
alike and whose names do not meet go to it as one, up to GROUP of them. A file of a group with findings is checked again
without the others: what is reported is of a file alone, never of one file's names meeting another's.
"""
import bisect
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

GROUP = 16
ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / os.environ.get("BUILD", "build")
# Anchored at the root, which leaves out what protoc wrote into build/.
OURS = f"^{re.escape(str(ROOT))}/(apps|base|bench|compare|engine|frontends|graph|kernels|quantizer|tests|vision|yolop)/"
met = set()  # files that had to be checked once more, and then had no findings


def own_names(text):
    """Roughly, what a file's unnamed namespaces define; of functions with the parameters, as overloads may meet."""
    names = set()
    for block in re.findall(r"^namespace \{\n(.*?)^\}  // namespace$", text, re.MULTILINE | re.DOTALL):
        names.update(re.findall(r"^(?:struct|class|enum class|using) (\w+)", block, re.MULTILINE))
        names.update(re.findall(r"^\w[^(\n]*?\b(\w+(?:\([^\n]*\))?)(?:\[\w*\])? ?(?:=|\{|;)", block, re.MULTILINE))
    # Of programs there is one main() in each.
    return names | set(re.findall(r"^int main\(", text, re.MULTILINE))


def groups(patterns):
    """Lists of files with their compiler arguments. A file that several targets compile counts once."""
    alike = {}
    seen = set()
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        file = pathlib.Path(entry["directory"], entry["file"])
        if file in seen or not any(re.search(pattern, str(file)) for pattern in patterns):
            continue
        seen.add(file)
        arguments = shlex.split(entry["command"])[1:]
        output = arguments.index("-o")
        flags = tuple(arguments[:output] + [a for a in arguments[output + 2:] if a not in ("-c", entry["file"])])
        alike.setdefault((file.parent, flags), []).append(file)
    for (_, flags), files in alike.items():
        packs = []
        for file in sorted(files):
            own = own_names(file.read_text())
            pack = next((p for p in packs if len(p[0]) < GROUP and not own & p[1]), None)
            if pack is None:
                pack = ([], set())
                packs.append(pack)
            pack[0].append(file)
            pack[1].update(own)
        for pack, _ in packs:
            yield pack, flags


def joined(files):
    """The files one after another, as several checks leave out what is included, and the number of lines before each.
    An #include that an earlier file has is left out, unless its own file has it twice, which is a finding."""
    before, lines, starts = set(), [], []
    for file in files:
        starts.append(len(lines))
        own = set()
        for line in file.read_text().splitlines():
            if not line.startswith("#include"):
                lines.append(line)
                continue
            if line not in before or line in own:
                lines.append(line)
            own.add(line)
        before |= own
    return "".join(line + "\n" for line in lines), starts


def findings(source, flags):
    """What clang-tidy says of a file; nothing if all is well."""
    # The flags are g++'s, with warnings that clang does not know.
    run = subprocess.run(["clang-tidy", "-quiet", str(source), "--", *flags, "-Wno-unknown-warning-option"],
                         cwd=BUILD, capture_output=True, text=True)
    return run.stdout + run.stderr if run.returncode != 0 else ""


def check(files, flags):
    """The findings of each file that has some."""
    if len(files) == 1:
        return [found for found in [findings(files[0], flags)] if found]
    text, starts = joined(files)
    source = BUILD / "tidy" / f"{hashlib.sha1(text.encode()).hexdigest()}.cc"
    source.parent.mkdir(exist_ok=True)
    source.write_text(text)
    found = findings(source, flags)
    if not found:
        return []
    places = re.findall(r"^(/.*?):(\d+):\d+: (error|note): ", found, re.MULTILINE)
    at_fault = {files[bisect.bisect_left(starts, int(line)) - 1] for path, line, _ in places if path == str(source)}
    named = [file for file in files if file in at_fault]
    others = [file for file in files if file not in at_fault]
    if not named or not others:
        parts = [files[::2], files[1::2]]
    elif "[clang-diagnostic-error" in found or any(path != str(source) for path, _, kind in places if kind == "error"):
        parts = [named, others]
    else:
        parts = [[file] for file in named]
    apart = [text for part in parts for text in check(part, flags)]
    if not apart:
        met.update(file.relative_to(ROOT) for file in named or files)
    return apart


def main():
    if not (BUILD / "compile_commands.json").is_file():
        print(f"tidy: no {BUILD}/compile_commands.json; configure and build first: scripts/test.sh", file=sys.stderr)
        return 3
    work = list(groups(sys.argv[1:] or [OURS]))
    if not work:
        print(f"tidy: no file of {BUILD}/compile_commands.json matches", file=sys.stderr)
        return 2
    # The largest first, so that the cores end together.
    work.sort(key=lambda group: -sum(file.stat().st_size for file in group[0]))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in concurrent.futures.as_completed([pool.submit(check, *group) for group in work]):
            for text in found.result():
                failed += 1
                print(text, flush=True)
    print(f"tidy: {sum(len(files) for files, _ in work)} files in {len(work)} groups, {failed} with findings")
    if met:
        print("tidy: checked once more, as their names meet those of other files:", *sorted(map(str, met)))
    return 1 if failed else 0


sys.exit(main())
