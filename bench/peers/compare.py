"""Latency of this engine beside ONNX Runtime, OpenVINO and ncnn.

Every engine is a process of its own that stays loaded and warm. They run in turns: each round gives every engine --runs
counted runs, after one that is not counted and a pause in which the threads of the one before fall asleep; each round
starts with another engine. The whole network of this engine, box decode included, is held against the peers' network,
whose models have the decode cut off where they were made so. All get the same float input shape.

The ratio is the median of this engine over that of the best INT8 peer. Peak memory is that of the process, for the peers
with Python and the packages that it imports.
"""
import argparse
import json
import os
import pathlib
import re
import shlex
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SHARED = ROOT.parent / "shared" / "models"

# name: engine, title, its file in --peers
PEERS = {
    "ort-fp32": ("onnxruntime", "ONNX Runtime FP32", "fp32.onnx"),
    "ort-int8": ("onnxruntime", "ONNX Runtime INT8", "ort-int8.onnx"),
    "openvino-fp32": ("openvino", "OpenVINO FP32", "fp32.onnx"),
    "openvino-int8": ("openvino", "OpenVINO INT8", "openvino-int8.xml"),
    "ncnn-fp32": ("ncnn", "ncnn FP32", "ncnn-fp32.param"),
    "ncnn-int8": ("ncnn", "ncnn INT8", "ncnn-int8.param"),
}

# --isa: the name that oneDNN, inside OpenVINO, gives the level, and the CPU's flags that lie above it.
LEVELS = {
    "avx2": ("AVX2", {"avx_vnni", "avx_vnni_int8", "avx512f"}),
    "avxvnni": ("AVX2_VNNI", {"avx_vnni_int8", "avx512f"}),
    "avx512vnni": ("AVX512_CORE_VNNI", {"amx_tile", "avx512_fp16"}),
}
LIMITED_BY_ISA = {"openvino", "octet"}

WARMUP = 5
PAUSE_S = 0.25


class Engine:
    """A process that answers numbers of runs with latencies."""

    def __init__(self, name, title, model, command, environment, limited):
        self.name, self.title, self.model, self.limited = name, title, model, limited
        self.latencies_ms, self.peak_memory_mb = [], 0
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=environment)
        self.about = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(error(f"{self.title} ended with code {self.process.wait()}; what it said stands above"))
        return json.loads(line)

    def run(self, runs):
        self.process.stdin.write(f"{runs}\n")
        self.process.stdin.flush()
        return self.answer()

    def take_turn(self, runs):
        answer = self.run(runs + 1)
        self.latencies_ms += answer["latencies_ms"][1:]
        self.peak_memory_mb = answer["peak_memory_mb"]

    def stop(self):
        self.process.stdin.close()
        self.process.wait()

    def result(self):
        return {"name": self.name, "engine": self.about["engine"], "model": str(self.model), "limited": self.limited,
                "isa": self.about.get("isa"), "load_ms": self.about["load_ms"],
                "first_run_ms": self.about["first_run_ms"], "latency_median_ms": statistics.median(self.latencies_ms),
                "latency_min_ms": min(self.latencies_ms), "peak_memory_mb": self.peak_memory_mb,
                "latencies_ms": self.latencies_ms}


def error(message):
    print(f"compare.py: {message}", file=sys.stderr)
    return 3


def cpuinfo():
    try:
        return pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""


def field(name):
    found = re.search(rf"^{name}\s*:\s*(.*)$", cpuinfo(), re.MULTILINE)
    return found[1] if found else "unknown"


def cpu_description():
    return f"{field('model name')} (family {field('cpu family')}, model {field('model')}), {os.cpu_count()} cores"


def cannot_be_limited(isa):
    """Whether the CPU has what only OpenVINO and this engine can be kept from using."""
    return bool(isa) and bool(LEVELS[isa][1] & set(field("flags").split()))


def peer_model(name, options):
    path = options.peers / PEERS[name][2]
    if path.name == "fp32.onnx" and not path.exists() and options.float:
        return options.float
    return path if path.exists() else None


def start_engines(options, threads, missing):
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
    if options.isa:
        environment |= {"ONEDNN_MAX_CPU_ISA": LEVELS[options.isa][0], "OCTET_ISA": options.isa}
    engines = []
    if options.model:
        command = [options.octet, "--serve", "-m", options.model, "--threads", threads, "--warmup", WARMUP,
                   "--input", "float"]
        octet = Engine("octet", "octet INT8", options.model, command, environment, True)
        if options.isa and octet.about["isa"] != options.isa:
            raise SystemExit(error(f"octet runs at level {octet.about['isa']}, not {options.isa}"))
        engines.append(octet)
    for name in options.only:
        kind, title, _ = PEERS[name]
        model = peer_model(name, options)
        if model is None:
            missing[title] = f"no {PEERS[name][2]} in {options.peers}"
            continue
        command = [sys.executable, HERE / "worker.py", kind, model, threads, WARMUP]
        limited = kind in LIMITED_BY_ISA or not cannot_be_limited(options.isa)
        engines.append(Engine(name, title, model, command, environment, limited))
    return engines


def measure(options, threads, missing):
    engines = start_engines(options, threads, missing)
    for turn in range(options.rounds):
        start = turn % max(1, len(engines))
        for engine in engines[start:] + engines[:start]:
            time.sleep(PAUSE_S)
            engine.take_turn(options.runs)
        if sys.stderr.isatty():
            print(f"\r{threads} thread(s): round {turn + 1} of {options.rounds} ", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    for engine in engines:
        engine.stop()
    return {engine.title: engine.result() for engine in engines}


def ratio(results):
    """This engine against the best INT8 peer that is limited as it is."""
    ours = results.get("octet INT8")
    peers = {title: r for title, r in results.items() if title.endswith("INT8") and r is not ours and r["limited"]}
    if not ours or not peers:
        return None
    best = min(peers, key=lambda title: peers[title]["latency_median_ms"])
    fastest = min(peer["latency_min_ms"] for peer in peers.values())
    return {"peer": best, "of_medians": ours["latency_median_ms"] / peers[best]["latency_median_ms"],
            "of_minimums": ours["latency_min_ms"] / fastest}


def is_noisy(result):
    ms = sorted(result["latencies_ms"])
    return ms[int(0.9 * (len(ms) - 1))] > 1.1 * statistics.median(ms)


def markdown(by_threads, ratios, missing, options):
    counts = list(by_threads)
    first = by_threads[counts[0]]
    header = ["engine"] + [f"{what}, {n} thr." for n in counts for what in ("median ms", "min ms")] + ["peak MB"]
    if len(counts) > 1:
        header.append(f"speed-up {counts[0]} to {counts[-1]}")
    rows = []
    for title in sorted(first, key=lambda t: first[t]["latency_median_ms"]):
        results = [by_threads[n][title] for n in counts]
        row = [title + ("" if results[0]["limited"] else " *")]
        row += [f"{r[key]:.1f}" for r in results for key in ("latency_median_ms", "latency_min_ms")]
        row.append(f"{max(r['peak_memory_mb'] for r in results):.0f}")
        if len(counts) > 1:
            row.append(f"{results[0]['latency_median_ms'] / results[-1]['latency_median_ms']:.2f}")
        rows.append(row)
    widths = [max(len(row[i]) for row in [header] + rows) for i in range(len(header))]
    lines = [f"CPU: {cpu_description()}" + (f"; limited to {options.isa}" if options.isa else "") + "  "]
    lines.append("Versions: " + ", ".join(sorted({r["engine"] for r in first.values()})) + "  ")
    lines.append(f"Medians of {options.rounds} rounds of {options.runs} runs in turns.\n")
    for i, row in enumerate([header] + rows):
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("| " + " | ".join(cells) + " |")
        if i == 0:
            lines.append("|" + "|".join(["-" * (widths[0] + 2)] + ["-" * (w + 1) + ":" for w in widths[1:]]) + "|")
    lines.append("")
    if not all(r["limited"] for r in first.values()):
        lines.append(f"\\* cannot be limited to {options.isa}: left out of the ratio\n")
    lines += [f"- {title} was not measured: {why}" for title, why in missing.items()]
    for n, value in ratios.items():
        lines.append(f"- {n} thread{'s' if n > 1 else ''}: octet takes **{value['of_medians']:.3f}** of the time of "
                     f"{value['peer']} ({value['of_minimums']:.3f} of the best INT8 peer by minimums)")
    noisy = sorted({title for results in by_threads.values() for title, r in results.items() if is_noisy(r)})
    if noisy:
        lines.append(f"- noisy machine: the 90th percentile lies more than 10 % above the median for {', '.join(noisy)}")
    return "\n".join(lines) + "\n"


def write(path, text):
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(text)
    temporary.replace(path)


def parse_arguments():
    parser = argparse.ArgumentParser(prog="bench/peers/run.sh", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", type=pathlib.Path, default=ROOT / "models" / "yolop-640-int8.onnx",
                        help="this engine's network; '' for the peers alone (default: %(default)s)")
    parser.add_argument("--octet", type=pathlib.Path, default=ROOT / "build" / "bin" / "octet-bench",
                        help="default: %(default)s")
    parser.add_argument("--peers", type=pathlib.Path, metavar="DIR",
                        help="the peers' models (default: ../shared/models/peers; with --make build/peers)")
    parser.add_argument("--float", type=pathlib.Path, metavar="FLOAT.onnx",
                        help="the FP32 network where DIR has no fp32.onnx (default: ../shared/models/"
                             "yolop-640-simplified.onnx)")
    parser.add_argument("--make", type=pathlib.Path, metavar="FLOAT.onnx", help="first make the peers' models from this")
    parser.add_argument("--calib", type=pathlib.Path, metavar="DIR", default=ROOT / "data" / "scenes" / "images",
                        help="pictures to calibrate on, for --make (default: %(default)s)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--runs", type=int, default=3, help="counted runs of an engine in a round")
    parser.add_argument("--only", nargs="+", choices=PEERS, default=list(PEERS), metavar="PEER",
                        help="of " + ", ".join(PEERS))
    parser.add_argument("--isa", type=str.lower, choices=LEVELS, help="limit this engine and OpenVINO to a level")
    parser.add_argument("--goal", type=float, help="exit with 1 when a ratio is above this")
    parser.add_argument("--markdown", type=pathlib.Path, metavar="FILE", help="also write the table there")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="also write everything measured there")
    options = parser.parse_args()

    if min(options.threads + [options.rounds, options.runs]) < 1:
        parser.error("--threads, --rounds and --runs are at least 1")
    options.threads = list(dict.fromkeys(options.threads))
    options.model = options.model if str(options.model) != "." else None  # what Path makes of ''
    if options.model and not options.model.exists():
        parser.error(f"there is no {options.model}; give -m MODEL, or -m '' to measure the peers alone")
    if options.model and not options.octet.exists():
        parser.error(f"there is no {options.octet}; build it first: cmake --build build --target octet-bench")
    if options.goal is not None and not options.model:
        parser.error("--goal needs this engine's network")
    options.peers = options.peers or (ROOT / "build" / "peers" if options.make else SHARED / "peers")
    if not options.float and (SHARED / "yolop-640-simplified.onnx").exists():
        options.float = SHARED / "yolop-640-simplified.onnx"
    if not options.make and not options.peers.is_dir():
        parser.error(f"there is no {options.peers}; give --peers DIR, or --make FLOAT.onnx to make the peers' models")
    return options


def main():
    options = parse_arguments()
    missing = {}
    if options.make:
        import make_models

        failures = make_models.make_all(options.make, options.calib, options.peers)
        for name, why in failures.items():
            print(f"compare.py: {name} could not be made: {why}", file=sys.stderr)
    by_threads = {n: measure(options, n, missing) for n in options.threads}
    if not by_threads[options.threads[0]]:
        return error("nothing to measure: " + "; ".join(missing.values()))
    ratios = {n: r for n, results in by_threads.items() if (r := ratio(results))}
    table = markdown(by_threads, ratios, missing, options)
    print(table, end="")
    if options.markdown:
        write(options.markdown, f"`bench/peers/run.sh {shlex.join(sys.argv[1:])}`\n\n{table}")
    if options.json:
        write(options.json, json.dumps({"cpu": cpu_description(), "isa_limit": options.isa, "ratios": ratios,
                                        "not_measured": missing, "threads": by_threads}, indent=1) + "\n")
    if options.goal is None:
        return 0
    if len(ratios) < len(options.threads):
        return error("no ratio to hold against --goal: no INT8 peer was measured")
    worst = max(r["of_medians"] for r in ratios.values())
    print(f"\nWorst ratio {worst:.3f}, goal {options.goal:g}: {'reached' if worst <= options.goal else 'NOT reached'}")
    return int(worst > options.goal)


if __name__ == "__main__":
    sys.exit(main())
