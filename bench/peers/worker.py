"""One peer in a process of its own, spoken to like `octet-bench --serve`: worker.py ENGINE MODEL THREADS WARMUP

Prints a line of JSON when the network is loaded and warm; then reads numbers of runs, a line each, and answers each with
a line of JSON: {"latencies_ms": [...], "peak_memory_mb": ...}.
"""
import json
import pathlib
import re
import sys
import time


def onnxruntime(path, threads):
    import numpy
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    port = session.get_inputs()[0]
    feed = {port.name: random_image(numpy, port.shape)}
    return lambda: session.run(None, feed), f"ONNX Runtime {ort.__version__}"


def openvino(path, threads):
    import numpy
    import openvino as ov

    model = ov.Core().compile_model(path, "CPU", {
        "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # what is not INT8 stays FP32 and does not become bfloat16
    })
    request = model.create_infer_request()
    image = ov.Tensor(random_image(numpy, list(model.input(0).shape)))
    return lambda: request.infer({0: image}), f"OpenVINO {ov.__version__.split('-')[0]}"


def ncnn(path, threads):
    import ncnn as nc
    import numpy

    net = nc.Net()
    net.opt.num_threads = threads
    for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
        setattr(net.opt, option, False)
    if net.load_param(path) or net.load_model(str(pathlib.Path(path).with_suffix(".bin"))):
        raise RuntimeError(f"ncnn cannot load {path}")
    # The files do not say how large the input is.
    image = nc.Mat(random_image(numpy, [1, 3, 640, 640])[0])
    source, sinks = net.input_names()[0], net.output_names()

    def run():
        extractor = net.create_extractor()
        extractor.input(source, image)
        for sink in sinks:
            extractor.extract(sink)

    return run, f"ncnn {nc.__version__}"


def random_image(numpy, shape):
    return numpy.random.default_rng(1).standard_normal(shape).astype(numpy.float32)


def peak_memory_mb():
    # Not getrusage(): its maximum survives exec().
    kibibytes = re.search(r"VmHWM:\s*(\d+)", pathlib.Path("/proc/self/status").read_text())
    return int(kibibytes[1]) * 1024 / 1e6 if kibibytes else 0


def timed(run):
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


def main(engine, path, threads, warmup):
    start = time.perf_counter()
    run, version = {"onnxruntime": onnxruntime, "openvino": openvino, "ncnn": ncnn}[engine](path, int(threads))
    load_ms = (time.perf_counter() - start) * 1e3
    first_run_ms = timed(run)
    for _ in range(int(warmup)):
        run()
    print(json.dumps({"ready": True, "engine": version, "load_ms": load_ms, "first_run_ms": first_run_ms}), flush=True)
    for line in sys.stdin:
        latencies_ms = [timed(run) for _ in range(int(line))]
        print(json.dumps({"latencies_ms": latencies_ms, "peak_memory_mb": peak_memory_mb()}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
