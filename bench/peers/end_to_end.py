"""A folder of pictures to overlays: yolop-run beside what a user would write with OpenVINO INT8 and OpenCV.

The script reads a picture, shrinks it into the network's input, runs OpenVINO's INT8 network, decodes boxes with numpy
(the peer's network has no box decode), draws, and writes the picture with OpenCV's defaults. Its network is loaded and
warm when its time begins; yolop-run's time is that of the whole process, start included. They run in turns, and medians
are compared; octet-bench runs in the same turns, for what the network alone allows. One picture and memory are
yolop-run's.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MODEL = ROOT / "models" / "yolop-640-int8.onnx"
SIDE = 640  # of the network's input
GOALS = {"png": 2.2, "jpg": 2.2, "json": 0.82}
ONE_PICTURE_S = 0.30
MEMORY_MB = 120


class Script:
    """The user's program."""

    ANCHORS = ((8, ((3, 9), (5, 11), (4, 20))), (16, ((7, 18), (6, 39), (12, 31))),
               (32, ((19, 50), (38, 81), (68, 157))))

    def __init__(self, model, threads):
        import cv2
        import numpy
        import openvino

        self.cv2, self.np = cv2, numpy
        cv2.setNumThreads(threads)
        options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
        self.network = openvino.Core().compile_model(str(model), "CPU", options)
        self.about = f"OpenVINO {openvino.__version__.split('-')[0]}, OpenCV {cv2.__version__}"

    def boxes(self, heads):
        np, found = self.np, []
        for (stride, anchors), head in zip(self.ANCHORS, heads):
            rows, columns = head.shape[2:]
            with np.errstate(over="ignore"):
                values = 1 / (1 + np.exp(-head.reshape(3, 6, rows, columns).transpose(0, 2, 3, 1)))
            grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1)
            centres = (values[..., :2] * 2 - 0.5 + grid) * stride
            sizes = (values[..., 2:4] * 2) ** 2 * np.array(anchors, np.float32)[:, None, None]
            score = values[..., 4:5] * values[..., 5:6]
            found.append(np.concatenate([centres - sizes / 2, sizes, score], -1).reshape(-1, 5))
        found = np.concatenate(found)
        found = found[found[:, 4] > 0.25]
        kept = self.cv2.dnn.NMSBoxes(found[:, :4].tolist(), found[:, 4].tolist(), 0.25, 0.45) if len(found) else []
        return found[np.array(kept, int).reshape(-1)]

    def picture(self, path, out):
        """Seconds in the network."""
        cv2, np = self.cv2, self.np
        frame = cv2.imread(path)
        height, width = frame.shape[:2]
        ratio = SIDE / max(height, width)
        h, w = round(height * ratio), round(width * ratio)
        top, left = (SIDE - h) // 2, (SIDE - w) // 2
        canvas = np.full((SIDE, SIDE, 3), 114, np.uint8)
        canvas[top:top + h, left:left + w] = cv2.resize(frame, (w, h), interpolation=cv2.INTER_AREA)
        mean, deviation = np.float32([123.675, 116.28, 103.53]), np.float32([58.395, 57.12, 57.375])
        tensor = (cv2.cvtColor(canvas, cv2.COLOR_BGR2RGB) - mean) / deviation
        start = time.perf_counter()
        outputs = list(self.network(tensor.transpose(2, 0, 1)[None].astype(np.float32)).values())
        seconds = time.perf_counter() - start
        heads = sorted((o for o in outputs if o.shape[1] == 18), key=lambda o: -o.shape[2])
        drawn = frame.copy()
        for mask, color in zip((o for o in outputs if o.shape[1] == 2), ((0, 255, 0), (0, 0, 255))):
            content = (mask[0, 1] > mask[0, 0]).astype(np.uint8)[top:top + h, left:left + w]
            inside = cv2.resize(content, (width, height), interpolation=cv2.INTER_NEAREST) > 0
            drawn[inside] = (drawn[inside] * 0.5 + np.array(color) * 0.5).astype(np.uint8)
        for x, y, box_w, box_h, _ in self.boxes(heads):
            corner = (int((x - left) / ratio), int((y - top) / ratio))
            opposite = (int(corner[0] + box_w / ratio), int(corner[1] + box_h / ratio))
            cv2.rectangle(drawn, corner, opposite, (0, 220, 255), 2)
        cv2.imwrite(out, drawn)
        return seconds

    def serve(self, pictures, out):
        """A format a line on stdin, an answer a line on stdout."""
        self.picture(str(pictures[0]), f"{out}/warm.png")
        os.remove(f"{out}/warm.png")
        print(json.dumps({"about": self.about}), flush=True)
        for line in sys.stdin:
            extension, start = line.strip(), time.perf_counter()
            network = sum(self.picture(str(path), f"{out}/{path.stem}.{extension}") for path in pictures)
            print(json.dumps({"seconds": time.perf_counter() - start, "network_ms": 1000 * network / len(pictures)}),
                  flush=True)


def run(command):
    """Seconds and megabytes of a process; it must succeed."""
    start = time.perf_counter()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"end_to_end.py: {command[0]} ended with code {process.returncode}; what it said stands above")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def bytes_in(folder, ending):
    return sum(path.stat().st_size for path in pathlib.Path(folder).glob("*" + ending))


def measure(options, pictures, scratch):
    programs = options.octet
    theirs, ours = f"{scratch}/script", f"{scratch}/octet"
    os.makedirs(theirs)
    script = subprocess.Popen([sys.executable, __file__, "--script", theirs, "--peers", options.peers, "--threads",
                               str(options.threads), "--images", options.images], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)

    def answer():
        line = script.stdout.readline()
        if not line:
            raise SystemExit("end_to_end.py: the script failed; what it said stands above")
        return json.loads(line)

    about = answer()["about"]
    yolop = [programs / "yolop-run", options.images, "-o", ours, "--threads", options.threads, "-q"]
    seen = {"script": {}, "octet": {}, "network_ms": [], "script_network_ms": [], "one_s": [], "memory_mb": []}
    for _ in range(options.rounds):
        for name, extra in (("png", []), ("jpg", ["--format", "jpg"]),
                            ("json", ["--no-overlay", "--json", f"{scratch}/all.json"])):
            if name != "json":
                script.stdin.write(name + "\n")
                script.stdin.flush()
                result = answer()
                seen["script"].setdefault(name, []).append(result["seconds"])
                seen["script_network_ms"].append(result["network_ms"])
            seconds, memory = run(yolop + extra)
            seen["octet"].setdefault(name, []).append(seconds)
            seen["memory_mb"].append(memory)
        bench = subprocess.run([programs / "octet-bench", MODEL, "--threads", str(options.threads), "--json", "--runs",
                                "20"], check=True, capture_output=True, text=True)
        seen["network_ms"].append(json.loads(bench.stdout)["latency_median_ms"])
        one = [programs / "yolop-run", pictures[0], "-o", ours, "--threads", options.threads, "-q"]
        seen["one_s"].append(run(one)[0])
    script.stdin.close()
    script.wait()
    sizes = {name: (bytes_in(theirs, "." + name), bytes_in(ours, ".yolop." + name)) for name in ("png", "jpg")}
    return about, seen, sizes


def main():
    parser = argparse.ArgumentParser(prog="bench/peers/end_to_end.sh", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", metavar="DIR",
                        help="has openvino-int8.xml, as bench/peers/run.sh --make gives it (default: build/peers, else "
                             "../shared/models/peers)")
    parser.add_argument("--images", default=str(ROOT / "data" / "scenes" / "images"), help="default: %(default)s")
    parser.add_argument("--octet", type=pathlib.Path, default=ROOT / "build" / "bin", metavar="DIR",
                        help="the programs' folder (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--goal", action="store_true", help="exit with 1 when a goal is missed")
    parser.add_argument("--script", metavar="OUT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.peers:
        made = ROOT / "build" / "peers"
        options.peers = str(made if made.is_dir() else ROOT.parent / "shared" / "models" / "peers")
    model = pathlib.Path(options.peers) / "openvino-int8.xml"
    if not model.exists():
        parser.error(f"there is no {model}: bench/peers/run.sh --make FLOAT.onnx makes it")
    pictures = sorted(pathlib.Path(options.images).glob("*.jpg"))
    if not pictures:
        parser.error(f"{options.images} has no .jpg")
    if options.script:
        Script(model, options.threads).serve(pictures, options.script)
        return 0

    scratch = tempfile.mkdtemp()
    try:
        about, seen, sizes = measure(options, pictures, scratch)
    finally:
        shutil.rmtree(scratch)
    median, count = statistics.median, len(pictures)
    rate = {name: count / median(seconds) for name, seconds in seen["octet"].items()}
    script = {name: count / median(seconds) for name, seconds in seen["script"].items()}
    alone = 1000 / median(seen["network_ms"])
    reached = {name: rate[name] / script[name] for name in script} | {"json": rate["json"] / alone}
    print(f"{count} pictures, {options.threads} threads, medians of {options.rounds} in turns; {about}\n")
    print("| pictures a second | script, without its start | yolop-run, whole | ratio | goal | MB a picture, script | "
          "yolop-run |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for name in ("png", "jpg"):
        megabytes = " | ".join(f"{size / count / 1e6:.2f}" for size in sizes[name])
        print(f"| {name} | {script[name]:.1f} | {rate[name]:.1f} | {reached[name]:.2f} | {GOALS[name]} | {megabytes} |")
    print(f"| --no-overlay --json | octet-bench: {alone:.1f} | {rate['json']:.1f} | {reached['json']:.2f} | "
          f"{GOALS['json']} | | |")
    print(f"\nThe network takes {median(seen['network_ms']):.1f} ms in octet-bench, "
          f"{median(seen['script_network_ms']):.1f} ms in the script. "
          f"One picture from start to PNG: {median(seen['one_s']):.2f} s. Most memory of yolop-run: {max(seen['memory_mb']):.0f} MB.")
    missed = [name for name, goal in GOALS.items() if reached[name] < goal]
    missed += ["one picture"] if median(seen["one_s"]) > ONE_PICTURE_S else []
    missed += ["memory"] if max(seen["memory_mb"]) > MEMORY_MB else []
    missed += ["size"] if sizes["png"][1] > sizes["png"][0] else []
    if options.goal:
        print("missed: " + ", ".join(missed) if missed else "every goal is reached")
    return int(options.goal and bool(missed))


if __name__ == "__main__":
    sys.exit(main())
