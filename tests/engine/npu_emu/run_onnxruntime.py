"""Every quantized tensor and every output of a network in ONNX Runtime: MODEL INPUT.npy fused|unfused OUT.npz

One thread. Without arguments: whether the packages are there, in the version that the profiles name.
"""

import sys

import numpy
import onnx
import onnxruntime

VERSION = "1.32.0"


def main() -> int:
    if onnxruntime.__version__ != VERSION:
        print(f"onnxruntime is {onnxruntime.__version__}, and {VERSION} is needed", file=sys.stderr)
        return 1
    if len(sys.argv) == 1:
        return 0
    path, given, mode, out = sys.argv[1:]
    model = onnx.load(path)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    names = [output.name for output in model.graph.output]
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            dtype = constants[node.input[2]].data_type
            model.graph.output.append(onnx.helper.make_tensor_value_info(node.output[0], dtype, None))
            names.append(node.output[0])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if mode == "fused" else levels.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    tensors = session.run(names, {session.get_inputs()[0].name: numpy.load(given)})
    numpy.savez(out, **{name.replace("/", "|"): tensor for name, tensor in zip(names, tensors)})
    return 0


sys.exit(main())
