"""Networks of a folder: octet INT8 beside octet float and ONNX Runtime INT8, one thread, and what each loses.

The folder has NAME.onnx in float, NAME.ort-int8.onnx beside it where there is one, and zoo.json:

    {"NAME": {"input": "images", "shape": [1, 3, 224, 224], "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}

octet-quantize makes its INT8 model as it would for a user. Every engine is a process of its own that stays loaded and
warm; they run in turns, --runs each in a round. Printed are medians in milliseconds. SQNR is that of the worst output
against ONNX Runtime on the float model, in dB, over --eval-pictures.
"""
import argparse
import json
import math
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORKER = ROOT / "bench" / "peers" / "worker.py"


class Engine:
    """A process that answers numbers of runs with latencies; both octet-bench --serve and worker.py speak so."""

    def __init__(self, command):
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.latencies_ms = []
        if not self.process.stdout.readline():
            raise RuntimeError(f"{command[0]} {command[-1]} did not start")

    def run(self, times):
        self.process.stdin.write(f"{times}\n")
        self.process.stdin.flush()
        self.latencies_ms += json.loads(self.process.stdout.readline())["latencies_ms"]

    def median(self):
        return statistics.median(self.latencies_ms)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def shape_option(network):
    return ["--shape", f"{network['input']}={'x'.join(map(str, network['shape']))}"] if network.get("open") else []


def quantize(arguments, name, network, out):
    command = [arguments.bin / "octet-quantize", arguments.zoo / f"{name}.onnx", arguments.pictures, "-o", out, "--limit",
               "16", "--refine-images", "8", *shape_option(network)]
    if "mean" in network:
        command += ["--mean", *network["mean"], "--std", *network["std"]]
    subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)


def measure_times(arguments, name, network, int8):
    bench = [arguments.bin / "octet-bench", "--threads", "1", "--input", "float", "--serve", "-m"]
    engines = {"float": Engine([*bench, arguments.zoo / f"{name}.onnx", *shape_option(network)]),
               "int8": Engine([*bench, int8])}
    peer = arguments.zoo / f"{name}.ort-int8.onnx"
    if peer.exists():
        engines["peer"] = Engine([sys.executable, WORKER, "onnxruntime", peer, 1, 3])
    for _ in range(arguments.rounds):
        for engine in engines.values():
            engine.run(arguments.runs)
    for engine in engines.values():
        engine.close()
    return {key: engine.median() for key, engine in engines.items()}


def preprocessed(numpy, path, network):
    from PIL import Image

    _, _, height, width = network["shape"]
    image = numpy.asarray(Image.open(path).convert("RGB").resize((width, height), Image.BILINEAR), numpy.float32) / 255
    mean, std = (numpy.array(network.get(key, [default] * 3), numpy.float32) for key, default in (("mean", 0), ("std", 1)))
    return numpy.ascontiguousarray(((image - mean) / std).transpose(2, 0, 1)[None])


def file_of(output):
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in output) + ".npy"


def measure_losses(arguments, name, network, int8, scratch):
    import numpy
    import onnxruntime

    def session(path):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    reference = session(arguments.zoo / f"{name}.onnx")
    outputs = [port.name for port in reference.get_outputs()]
    peer_file = arguments.zoo / f"{name}.ort-int8.onnx"
    peer = session(peer_file) if peer_file.exists() else None
    signal, noise = {}, {"int8": {}, "peer": {}}
    pictures = sorted(p for p in arguments.eval_pictures.rglob("*") if p.suffix in (".jpg", ".png"))
    for picture in pictures[:arguments.sqnr]:
        x = preprocessed(numpy, picture, network)
        numpy.save(scratch / "x.npy", x)
        subprocess.run([arguments.bin / "octet-run", "-m", int8, "--input", f"{network['input']}={scratch / 'x.npy'}",
                        "--npy", scratch / "out", "-q"], check=True, stdout=subprocess.DEVNULL)
        wanted = reference.run(None, {network["input"]: x})
        results = {"int8": [numpy.load(scratch / "out" / file_of(output)) for output in outputs]}
        if peer:
            results["peer"] = peer.run(None, {network["input"]: x})
        for i, output in enumerate(outputs):
            exact = wanted[i].astype(numpy.float64)
            signal[output] = signal.get(output, 0) + (exact**2).sum()
            for key, result in results.items():
                noise[key][output] = noise[key].get(output, 0) + ((exact - result[i].reshape(exact.shape))**2).sum()
    return {key: min(10 * math.log10(signal[o] / max(noise[key][o], 1e-30)) for o in outputs)
            for key in noise if noise[key]}


def number(values, key):
    return f"{values[key]:.2f}" if key in values else "-"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", type=pathlib.Path, required=True, help="the folder of networks")
    parser.add_argument("--pictures", type=pathlib.Path, required=True, help="pictures to calibrate on")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "bin")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build" / "zoo", help="where INT8 models go")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--sqnr", type=int, default=0, help="pictures to measure losses on (needs Pillow)")
    parser.add_argument("--eval-pictures", type=pathlib.Path, help="other pictures than those of --pictures")
    parser.add_argument("names", nargs="*", help="networks; default: all of zoo.json")
    arguments = parser.parse_args()
    if arguments.sqnr and not arguments.eval_pictures:
        parser.error("--sqnr needs --eval-pictures")
    arguments.work.mkdir(parents=True, exist_ok=True)
    networks = json.loads((arguments.zoo / "zoo.json").read_text())

    print("| network | octet float | octet INT8 | ONNX Runtime INT8 | ratio | octet dB | ONNX Runtime dB |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    ratios = []
    for name in arguments.names or sorted(networks):
        int8 = arguments.work / f"{name}.int8.onnx"
        try:
            if not int8.exists():
                quantize(arguments, name, networks[name], int8)
            times = measure_times(arguments, name, networks[name], int8)
            losses = measure_losses(arguments, name, networks[name], int8, arguments.work) if arguments.sqnr else {}
        except (RuntimeError, subprocess.CalledProcessError) as error:
            detail = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
            print(f"| {name} | failed: {detail[-1] if detail else error} |||||", flush=True)
            continue
        ratio = times["int8"] / times["peer"] if "peer" in times else None
        if ratio:
            ratios.append(ratio)
        print(f"| {name} | {number(times, 'float')} | {number(times, 'int8')} | {number(times, 'peer')} | "
              f"{f'{ratio:.2f}' if ratio else '-'} | {number(losses, 'int8')} | {number(losses, 'peer')} |", flush=True)
    if ratios:
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        print(f"\nGeometric mean of the ratios: {mean:.2f}; largest {max(ratios):.2f}, of {len(ratios)} networks.")


if __name__ == "__main__":
    main()
