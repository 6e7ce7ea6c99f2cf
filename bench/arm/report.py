#!/usr/bin/env python3
"""Instructions and modelled cycles of one run, from two counts of block_counter.cc.

report.py MORE LESS CORE     MORE: of runs of which LESS has one less; CORE: of llvm-mca's -mcpu, e.g. neoverse-n1

The cycles are a model and no measurement: those of llvm-mca for each block that repeats, times its runs. Caches and
branches are perfect, and blocks do not overlap with each other. The emulator also ends a block that is too long for it, or
at the end of a page: what follows without a branch, and runs as often, is taken as one with it.
"""

import collections
import re
import subprocess
import sys
import tempfile


def counts_of(path):
    blocks = collections.Counter()
    with open(path) as file:
        for line in file:
            runs, address, *words = line.split()
            blocks[int(address, 16), tuple(words)] += int(runs)
    return blocks


def is_branch(word):
    return (word >> 26 in (0x05, 0x25)  # b, bl
            or word >> 24 == 0x54  # b.cond
            or (word >> 25) & 0x3F in (0x1A, 0x1B)  # cbz, cbnz, tbz, tbnz
            or word >> 25 == 0x6B)  # br, blr, ret


def joined(blocks):
    """Runs of each block's words, those that were cut without a branch being one."""
    starting = collections.defaultdict(list)
    for block in blocks:
        starting[block[0]].append(block)
    taken, result = set(), collections.Counter()
    for block in sorted(blocks):
        if block in taken:
            continue
        (address, words), runs = block, blocks[block]
        while not is_branch(int(words[-1], 16)):
            rest = [b for b in starting[address + 4 * len(words)] if blocks[b] == runs and b not in taken]
            if len(rest) != 1:
                break
            taken.add(rest[0])
            words += rest[0][1]
        result[words] += runs
    return result


def assembly_of(words):
    """Each word as llvm-mca reads it; what it cannot is a nop, and targets are labels."""
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(b"".join(int(word, 16).to_bytes(4, "little") for word in words))
        file.flush()
        listing = subprocess.run(
            ["aarch64-linux-gnu-objdump", "-D", "-z", "-b", "binary", "-m", "aarch64", file.name],
            stdout=subprocess.PIPE, text=True, check=True).stdout
    text = {}
    for line in listing.splitlines():
        match = re.match(r"\s*[0-9a-f]+:\s+([0-9a-f]{8})\s+(\S+)\s*(.*)$", line)
        if not match:
            continue
        word, mnemonic, operands = match.groups()
        operands = operands.split("//")[0].strip()
        if re.match(r"(b|bl|b\..*|cbn?z|tbn?z|adrp?)$", mnemonic):
            operands = re.sub(r"0x[0-9a-f]+(\s*<.*>)?$", ".Lhere", operands)
        if mnemonic in ("svc", "udf", "brk", "mrs", "msr", ".inst") or "undefined" in operands:
            mnemonic, operands = "nop", ""
        text[word] = f"{mnemonic} {operands}"
    return text


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    blocks = counts_of(sys.argv[1])
    blocks.subtract(counts_of(sys.argv[2]))
    blocks = joined(blocks)
    total = sum(len(words) * runs for words, runs in blocks.items())
    hottest = sorted(blocks.items(), key=lambda block: -len(block[0]) * block[1])[:400]
    text = assembly_of(sorted({word for words, _ in hottest for word in words}))
    repeats = 50
    source = ".Lhere:\n"
    for i, (words, _) in enumerate(hottest):
        source += f"# LLVM-MCA-BEGIN b{i}\n" + "\n".join(text[word] for word in words) + f"\n# LLVM-MCA-END b{i}\n"
    model = subprocess.run(
        ["llvm-mca-19", "-march=aarch64", f"-mcpu={sys.argv[3]}", "-mattr=+dotprod,+i8mm", f"-iterations={repeats}",
         "-instruction-info=false", "-resource-pressure=false", "-skip-unsupported-instructions=any", "-"],
        input=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True).stdout
    modelled = cycles = 0
    for match in re.finditer(r"Code Region - b(\d+).*?Total Cycles:\s+(\d+)", model, re.S):
        words, runs = hottest[int(match[1])]
        cycles += runs * int(match[2]) / repeats
        modelled += runs * len(words)
    if modelled == 0:
        sys.exit("report: llvm-mca-19 modelled no block")
    # The few blocks that are not modelled count at the mean of those that are.
    print(f"{total / 1e9:.3f} G instructions, {cycles * total / modelled / 1e9:.3f} G cycles by the model of {sys.argv[3]}")


if __name__ == "__main__":
    main()
