"""Makes what the peers run from a float ONNX network: make_models.py FLOAT.onnx CALIB_DIR OUT_DIR

  fp32.onnx                 constants, batch norms and Focus folded, box decode cut off; what the others are made from
  ort-int8.onnx             ONNX Runtime's static quantizer: QDQ, uint8 activations, int8 weights per channel
  openvino-int8.xml, .bin   nncf.quantize
  ncnn-fp32.param, .bin     pnnx (ncnn's own quantizer is no Python package, so there is no ncnn INT8)

CALIB_DIR holds JPEG or PNG pictures; they are letterboxed to the network's input and normalized as YOLOP wants it. 32 of
them are enough here: the ranges decide about accuracy, not about speed.
"""
import collections
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile

MAX_PICTURES = 32
MEAN, DEVIATION, GREY = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 114


def make_all(float_model, calib, out):
    """Returns {file: why it could not be made}."""
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    prepare(float_model, out / "fp32.onnx")
    failures = {}
    for name, make in (("ort-int8.onnx", ort_int8), ("openvino-int8.xml", openvino_int8),
                       ("ncnn-fp32.param", ncnn_fp32)):
        print(f"making {name}", file=sys.stderr)
        try:
            make(out / "fp32.onnx", calib, out / name)
        except Exception as error:  # of three foreign packages; each may fail in ways of its own
            failures[name] = f"{type(error).__name__}: {error}".splitlines()[0]
    return failures


def prepare(source, target):
    import onnx
    import onnx.utils
    import onnxruntime as ort

    with tempfile.TemporaryDirectory() as folder:
        folded = str(pathlib.Path(folder) / "folded.onnx")
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = folded
        options.log_severity_level = 3
        ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
        model = onnx.load(folded)
        focus_to_convolution(model.graph)
        onnx.save(model, folded)
        inputs = [port.name for port in model.graph.input]
        onnx.utils.extract_model(folded, str(target), inputs, outputs_without_decode(model.graph))


def outputs_without_decode(graph):
    """An output that several convolutions reach through other operators only is box decode: those convolutions'
    outputs stand for it."""
    producer = {name: node for node in graph.node for name in node.output}

    def convolutions_before(name, seen):
        node = producer.get(name)
        if node is None or name in seen:
            return []
        seen.add(name)
        if node.op_type == "Conv":
            return [name]
        return [found for source in node.input for found in convolutions_before(source, seen)]

    names = []
    for output in graph.output:
        convolutions = convolutions_before(output.name, set())
        names += convolutions if len(convolutions) > 1 else [output.name]
    return list(dict.fromkeys(names))


def focus_to_convolution(graph):
    """SpaceToDepth 2, Gather of the channels (what ONNX Runtime makes of YOLOP's Focus: pnnx translates neither that nor
    the original), Conv k×k becomes Conv 2k×2k with stride 2:  W'[o, c, 2 y + dy, 2 x + dx] = W[o, i, y, x]  where the
    Gather takes channel i from (dy · 2 + dx) · C + c."""
    from onnx import helper, numpy_helper
    import numpy

    constants = {t.name: t for t in graph.initializer}
    for focus in [node for node in graph.node if node.op_type == "SpaceToDepth"]:
        chain = [focus]
        while len(users := [n for n in graph.node if chain[-1].output[0] in n.input]) == 1 and len(chain) < 3:
            chain += users
        if [node.op_type for node in chain] != ["SpaceToDepth", "Gather", "Conv"]:
            continue
        _, gather, conv = chain
        attributes = {a.name: helper.get_attribute_value(a) for a in conv.attribute}
        if set(attributes.get("strides", [1])) | set(attributes.get("dilations", [1])) | {attributes.get("group", 1)} != {1}:
            continue
        order = numpy_helper.to_array(constants[gather.input[1]])
        small = numpy_helper.to_array(constants[conv.input[1]])
        outputs, channels, height, width = small.shape
        large = numpy.zeros((outputs, channels // 4, 2 * height, 2 * width), small.dtype)
        for i, source in enumerate(order):
            phase, c = divmod(int(source), channels // 4)
            large[:, c, phase // 2::2, phase % 2::2] = small[:, i]
        constants[conv.input[1]].CopyFrom(numpy_helper.from_array(large, conv.input[1]))
        conv.input[0] = focus.input[0]
        del conv.attribute[:]
        conv.attribute.extend([helper.make_attribute("kernel_shape", [2 * height, 2 * width]),
                               helper.make_attribute("strides", [2, 2]),
                               helper.make_attribute("pads", [2 * p for p in attributes.get("pads", [0] * 4)])])
        graph.node.remove(gather)
        graph.node.remove(focus)


def pictures(folder, shape):
    """Network inputs, [1, 3, height, width]."""
    import numpy
    from PIL import Image

    paths = sorted(p for p in pathlib.Path(folder).rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not paths:
        raise FileNotFoundError(f"no pictures in {folder}")
    height, width = shape[2:]
    for path in paths[:MAX_PICTURES]:
        picture = Image.open(path).convert("RGB")
        scale = min(width / picture.width, height / picture.height)
        size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        canvas = Image.new("RGB", (width, height), (GREY,) * 3)
        canvas.paste(picture.resize(size, Image.Resampling.BOX), ((width - size[0]) // 2, (height - size[1]) // 2))
        values = (numpy.asarray(canvas, numpy.float32) / 255 - MEAN) / DEVIATION
        yield numpy.ascontiguousarray(values.transpose(2, 0, 1)[None], numpy.float32)


def input_of(path):
    import onnx

    port = onnx.load(path, load_external_data=False).graph.input[0]
    return port.name, [d.dim_value for d in port.type.tensor_type.shape.dim]


def join_hardswish(model):
    """x · Clip(x + 3, 0, 6) / 6, four float operators, becomes x · HardSigmoid(x), two."""
    import onnx
    from onnx import numpy_helper

    graph = model.graph
    constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    users = collections.defaultdict(list)
    for node in graph.node:
        for name in node.input:
            users[name].append(node)

    def is_constant(name, value):
        return name in constants and constants[name].size == 1 and constants[name].item() == value

    def only_user(name, op_type):
        return users[name][0] if len(users[name]) == 1 and users[name][0].op_type == op_type else None

    for add in [node for node in graph.node if node.op_type == "Add"]:
        x = next((name for name in add.input if not is_constant(name, 3)), None)
        clip = x and any(is_constant(name, 3) for name in add.input) and only_user(add.output[0], "Clip")
        if not clip or len(clip.input) != 3 or not (is_constant(clip.input[1], 0) and is_constant(clip.input[2], 6)):
            continue
        product = only_user(clip.output[0], "Mul")
        if not product or x not in product.input:
            continue
        quotient = only_user(product.output[0], "Div")
        if not quotient or not is_constant(quotient.input[1], 6):
            continue
        add.CopyFrom(onnx.helper.make_node("HardSigmoid", [x], clip.output, alpha=1 / 6, beta=0.5))
        product.output[:] = quotient.output
        graph.node.remove(clip)
        graph.node.remove(quotient)


def ort_int8(fp32, calib, target):
    import onnx
    import onnx.version_converter
    from onnxruntime import quantization

    name, shape = input_of(fp32)

    class Pictures(quantization.CalibrationDataReader):
        def __init__(self):
            self.pictures = pictures(calib, shape)

        def get_next(self):
            picture = next(self.pictures, None)
            return None if picture is None else {name: picture}

    # Scales per channel need operator set 13.
    model = onnx.version_converter.convert_version(onnx.load(fp32), 13)
    join_hardswish(model)
    quantization.quantize_static(
        model, str(target), Pictures(), quant_format=quantization.QuantFormat.QDQ, per_channel=True,
        activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8,
        op_types_to_quantize=["Conv", "Add", "Concat", "MaxPool", "Resize"])


def openvino_int8(fp32, calib, target):
    import nncf
    import openvino as ov

    inputs = list(pictures(calib, input_of(fp32)[1]))
    model = nncf.quantize(ov.Core().read_model(fp32), nncf.Dataset(inputs), preset=nncf.QuantizationPreset.MIXED,
                          subset_size=len(inputs))
    ov.save_model(model, target, compress_to_fp16=False)


def ncnn_fp32(fp32, _, target):
    program = pathlib.Path(sysconfig.get_paths()["purelib"]) / "pnnx" / "pnnx"
    if not program.exists():
        raise FileNotFoundError("the package pnnx is not installed")
    shape = ",".join(map(str, input_of(fp32)[1]))
    with tempfile.TemporaryDirectory() as folder:  # pnnx leaves half a dozen files beside its input
        source = pathlib.Path(shutil.copy(fp32, folder))
        subprocess.run([program, source, f"inputshape=[{shape}]", "fp16=0"], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        for suffix in (".bin", ".param"):
            shutil.copy(source.with_suffix(f".ncnn{suffix}"), target.with_suffix(suffix))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__.splitlines()[0])
    for made, reason in make_all(*sys.argv[1:]).items():
        print(f"not made: {made}: {reason}")
