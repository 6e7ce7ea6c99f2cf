#include "frontends/onnx/opset.h"

#include <algorithm>
#include <array>
#include <limits>
#include <span>

#include "frontends/onnx/tensor_codec.h"
#include "graph/ops/op_list.h"

namespace octet::onnx {
namespace {

struct Upgrade {
    Node& node;
    GraphBuilder& builder;

    ValueId input(std::size_t i) const { return i < node.inputs.size() ? node.inputs[i] : no_value; }
    const Tensor* constant(std::size_t i) const { return builder.graph().constant(input(i)); }
    void set_input(std::size_t i, ValueId id) {
        if (node.inputs.size() <= i) node.inputs.resize(i + 1, no_value);
        node.inputs[i] = id;
    }

    template <typename T>
    ValueId vector(const std::string& what, const std::vector<T>& values) {
        const Shape shape = {static_cast<std::int64_t>(values.size())};
        return add_constant(what, Tensor::from<T>(shape, values));
    }
    ValueId scalar(const std::string& what, float value) { return add_constant(what, Tensor::scalar(value)); }
    ValueId add_constant(const std::string& what, Tensor tensor) {
        return builder.constant(node.name + "_" + what, std::move(tensor));
    }

    // A node before this one; returns its output.
    ValueId add(const std::string& op, std::vector<ValueId> inputs, Attributes attributes = {}) {
        return builder.node(op, node.name + "_" + op, std::move(inputs), std::move(attributes));
    }
    void become(std::string op, std::vector<ValueId> inputs, Attributes attributes = {}) {
        node.op = std::move(op);
        node.inputs = std::move(inputs);
        node.attributes = std::move(attributes);
    }
    // The tensor with the shape of the node's first input.
    void become_reshape(ValueId y) {
        const ValueId shape = add("Shape", {input(0)});
        become("Reshape", {y, shape});
    }
};

// ---- attributes that became inputs

// `name`, integers or reals, becomes the vector at input i.
void attribute_to_input(Upgrade& up, const std::string& name, std::size_t i) {
    Attributes& attributes = up.node.attributes;
    if (!attributes.has(name)) return;
    const auto reals = attributes.reals(name);
    up.set_input(i, reals.empty() ? up.vector(name, attributes.integers(name)) : up.vector(name, reals));
    attributes.erase(name);
}

Result<void> required_to_input(Upgrade& up, const std::string& name, std::size_t i) {
    attribute_to_input(up, name, i);
    if (up.input(i) == no_value) return fail(ErrorCode::invalid_model, "attribute {} is missing", name);
    return {};
}

// A real attribute becomes the scalar at input i, unless it is what an omitted input stands for.
void real_to_input(Upgrade& up, const std::string& name, std::size_t i, float omitted) {
    const float value = up.node.attributes.real(name, omitted);
    if (value != omitted) up.set_input(i, up.scalar(name, value));
    up.node.attributes.erase(name);
}

Result<void> axes_to_input(Upgrade& up) {
    attribute_to_input(up, "axes", 1);
    return {};
}

Result<void> split_to_input(Upgrade& up) {
    attribute_to_input(up, "split", 1);
    return {};
}

Result<void> scales_to_input(Upgrade& up) {
    return required_to_input(up, "scales", 1);
}

Result<void> k_to_input(Upgrade& up) {
    if (!up.node.attributes.has("k")) return fail(ErrorCode::invalid_model, "attribute k is missing");
    up.set_input(1, up.vector<std::int64_t>("k", {up.node.attributes.integer("k", 0)}));
    up.node.attributes.erase("k");
    return {};
}

Result<void> range_to_inputs(Upgrade& up) {
    OCTET_TRY(required_to_input(up, "starts", 1));
    OCTET_TRY(required_to_input(up, "ends", 2));
    attribute_to_input(up, "axes", 3);
    return {};
}

// Bounds and fill values as attributes are float32, so that float64 tensors are refused by the operator.
Result<void> bounds_to_inputs(Upgrade& up) {
    real_to_input(up, "min", 1, std::numeric_limits<float>::lowest());
    real_to_input(up, "max", 2, std::numeric_limits<float>::max());
    return {};
}

Result<void> pads_to_inputs(Upgrade& up) {
    OCTET_TRY(required_to_input(up, "pads", 1));
    real_to_input(up, "value", 2, 0.0F);
    return {};
}

// ---- other meanings

// Until opset 17 Split without sizes makes as many equal parts as it has outputs; since then num_outputs says it.
Result<void> split_num_outputs(Upgrade& up) {
    if (up.input(1) == no_value) {
        up.node.attributes.set("num_outputs", static_cast<std::int64_t>(up.node.outputs.size()));
    }
    return {};
}

// Until opset 12 the dimensions from `axis` (default 1) on are one: Softmax(-1) of the flattened tensor, reshaped back.
Result<void> flatten_softmax(Upgrade& up) {
    const std::int64_t axis = up.node.attributes.integer("axis", 1);
    if (axis == -1 || up.input(0) == no_value) return {};
    const ValueId flat = up.add("Flatten", {up.input(0)}, {{"axis", axis}});
    up.become_reshape(up.add(up.node.op, {flat}, {{"axis", std::int64_t{-1}}}));
    return {};
}

// Dropout changes nothing outside of training. With a mask, or in training mode, it stays what it is.
Result<void> drop_dropout(Upgrade& up) {
    up.node.attributes = {};  // ratio and seed
    const Tensor* training = up.constant(2);
    const bool trains = up.input(2) != no_value && (!training || training->size() != 1 || training->to_int64()[0] != 0);
    if (trains || up.node.outputs.size() > 1 || up.node.inputs.empty()) return {};
    up.become("Identity", {up.input(0)});
    return {};
}

// Opset 7 and 8 can normalize each position on its own (spatial = 0): scale, bias, mean and variance have the shape of
// one image. For [N, C] that is the same as channels.
Result<void> normalize_positions(Upgrade& up) {
    const bool spatial = up.node.attributes.integer("spatial", 1) != 0;
    up.node.attributes.erase("spatial");
    const Tensor* scale = up.constant(1);
    if (spatial || up.node.inputs.size() != 5 || (scale && scale->rank() == 1)) return {};
    const ValueId epsilon = up.scalar("epsilon", up.node.attributes.real("epsilon", 1e-5F));
    const ValueId deviation = up.add("Sqrt", {up.add("Add", {up.input(4), epsilon})});
    const ValueId centred = up.add("Sub", {up.input(0), up.input(3)});
    const ValueId scaled = up.add("Mul", {centred, up.add("Div", {up.input(1), deviation})});
    up.become("Add", {scaled, up.input(2)});
    return {};
}

// Until opset 20 scale and bias belong to groups, as those of InstanceNormalization do when a group is a channel.
Result<void> normalize_groups(Upgrade& up) {
    const std::int64_t groups = up.node.attributes.integer("num_groups", 0);
    if (groups < 1 || up.node.inputs.size() != 3) return {};  // the operator refuses it
    const ValueId grouped = up.add("Reshape", {up.input(0), up.vector<std::int64_t>("shape", {0, groups, -1})});
    const float epsilon = up.node.attributes.real("epsilon", 1e-5F);
    up.become_reshape(up.add("InstanceNormalization", {grouped, up.input(1), up.input(2)}, {{"epsilon", epsilon}}));
    return {};
}

// The unused ones of roi, scales and sizes may be empty tensors; until opset 12 they have to be.
Result<void> omit_empty_resize_inputs(Upgrade& up) {
    for (std::size_t i = 1; i < up.node.inputs.size(); ++i) {
        const Tensor* constant = up.constant(i);
        if (constant && constant->size() == 0) up.node.inputs[i] = no_value;
    }
    while (!up.node.inputs.empty() && up.node.inputs.back() == no_value) up.node.inputs.pop_back();
    return {};
}

// TensorFlow's half pixels for the nearest neighbour, of opset 11 and 12: floor((o + ½) / scale), which is half_pixel
// rounded with halves up.
Result<void> resize_tf_half_pixel(Upgrade& up) {
    Attributes& attributes = up.node.attributes;
    if (attributes.text("coordinate_transformation_mode", "") != "tf_half_pixel_for_nn") return {};
    if (attributes.text("mode", "nearest") != "nearest" || attributes.text("nearest_mode", "") != "floor") {
        return fail(ErrorCode::unsupported,
                    "tf_half_pixel_for_nn is supported with mode nearest and nearest_mode floor");
    }
    attributes.set("coordinate_transformation_mode", "half_pixel");
    attributes.set("nearest_mode", "round_prefer_ceil");
    return {};
}

// Upsample, and Resize of opset 10: inputs X and scales; source coordinate = x / scale. The standard does not say how
// the nearest one is rounded. ONNX Runtime rounds down where a dimension grows and up where it shrinks.
Result<void> resize_from_scales(Upgrade& up) {
    const ValueId x = up.input(0), scales = up.input(1);
    const std::string mode = up.node.attributes.text("mode", "nearest");
    const auto resize = [&](const char* rounding) {
        return Attributes{{"mode", mode}, {"coordinate_transformation_mode", "asymmetric"}, {"nearest_mode", rounding}};
    };
    bool grows = true, shrinks = true;
    if (const Tensor* known = up.constant(1)) {
        const std::vector<float> factors = known->to_float();
        grows = std::any_of(factors.begin(), factors.end(), [](float factor) { return factor > 1; });
        shrinks = std::any_of(factors.begin(), factors.end(), [](float factor) { return factor < 1; });
    }
    if (mode != "nearest" || !(grows && shrinks)) {
        up.become("Resize", {x, no_value, scales}, resize(shrinks ? "ceil" : "floor"));
        return {};
    }
    const ValueId one = up.vector<float>("one", {1});
    const ValueId smaller = up.add("Resize", {x, no_value, up.add("Min", {scales, one})}, resize("ceil"));
    up.become("Resize", {smaller, no_value, up.add("Max", {scales, one})}, resize("floor"));
    return {};
}

Result<void> rename_scatter(Upgrade& up) {
    up.node.op = "ScatterElements";
    return {};
}

// ---- operators and attributes newer than opset 21

// x · sigmoid(alpha · x)
Result<void> expand_swish(Upgrade& up) {
    const float alpha = up.node.attributes.real("alpha", 1.0F);
    const ValueId x = up.input(0);
    const ValueId scaled = alpha == 1 ? x : up.add("Mul", {x, up.scalar("alpha", alpha)});
    up.become("Mul", {x, up.add("Sigmoid", {scaled})});
    return {};
}

// x / sqrt(mean(x²) + epsilon) · scale, the mean over the dimensions from `axis` on
Result<void> expand_rms_normalization(Upgrade& up) {
    if (up.node.inputs.size() != 2) return fail(ErrorCode::invalid_model, "has {} inputs", up.node.inputs.size());
    const Attributes& attributes = up.node.attributes;
    const ValueId flat = up.add("Flatten", {up.input(0)}, {{"axis", attributes.integer("axis", -1)}});
    const ValueId axes = up.vector<std::int64_t>("axes", {1});
    const ValueId mean = up.add("ReduceMean", {up.add("Mul", {flat, flat}), axes});
    const ValueId epsilon = up.scalar("epsilon", attributes.real("epsilon", 1e-5F));
    const ValueId root = up.add("Sqrt", {up.add("Add", {mean, epsilon})});
    const ValueId shape = up.add("Shape", {up.input(0)});
    const ValueId normal = up.add("Reshape", {up.add("Div", {flat, root}), shape});
    up.become("Mul", {normal, up.input(1)});
    return {};
}

// 16-bit floating tensors are float32 here, so a conversion to one of them is a conversion to float32.
Result<void> widen_cast(Upgrade& up) {
    const std::int64_t to = up.node.attributes.integer("to", 0);
    if (to == onnx_float16 || to == onnx_bfloat16) up.node.attributes.set("to", std::int64_t{onnx_float});
    return {};
}

bool is_float32(std::int64_t code) {
    return code == 0 || code == onnx_float || code == onnx_float16 || code == onnx_bfloat16;
}

// block_size, and of opset 23 the types to divide in and to dequantize to.
Result<void> check_quantization(Upgrade& up) {
    Attributes& attributes = up.node.attributes;
    if (attributes.integer("block_size", 0) != 0) {
        return fail(ErrorCode::unsupported, "blocked quantization (block_size) is not supported");
    }
    for (const char* name : {"precision", "output_dtype"}) {
        if (up.node.op == "QuantizeLinear" && std::string_view(name) == "output_dtype") continue;
        const std::int64_t code = attributes.integer(name, 0);
        if (!is_float32(code)) return fail(ErrorCode::unsupported, "{} {} is not supported", name, code);
        attributes.erase(name);
    }
    return {};
}

constexpr int always = std::numeric_limits<int>::max();

struct Rule {
    std::string_view op;
    int below;  // applies to files of an older opset than this
    Result<void> (*rewrite)(Upgrade&);
};

// In the order in which they apply. Operators that are not listed mean the same in every opset from 7 to 25.
constexpr std::array rules = {
    Rule{"BatchNormalization", 9, normalize_positions},
    Rule{"Cast", always, widen_cast},
    Rule{"Clip", 11, bounds_to_inputs},
    Rule{"DequantizeLinear", always, check_quantization},
    Rule{"Dropout", always, drop_dropout},
    Rule{"GroupNormalization", 21, normalize_groups},
    Rule{"Hardmax", 13, flatten_softmax},
    Rule{"LogSoftmax", 13, flatten_softmax},
    Rule{"Pad", 11, pads_to_inputs},
    Rule{"QuantizeLinear", always, check_quantization},
    Rule{"RMSNormalization", always, expand_rms_normalization},
    Rule{"ReduceL1", 18, axes_to_input},
    Rule{"ReduceL2", 18, axes_to_input},
    Rule{"ReduceLogSum", 18, axes_to_input},
    Rule{"ReduceLogSumExp", 18, axes_to_input},
    Rule{"ReduceMax", 18, axes_to_input},
    Rule{"ReduceMean", 18, axes_to_input},
    Rule{"ReduceMin", 18, axes_to_input},
    Rule{"ReduceProd", 18, axes_to_input},
    Rule{"ReduceSum", 13, axes_to_input},
    Rule{"ReduceSumSquare", 18, axes_to_input},
    Rule{"Resize", 11, resize_from_scales},
    Rule{"Resize", 13, resize_tf_half_pixel},
    Rule{"Resize", always, omit_empty_resize_inputs},
    Rule{"Scatter", 11, rename_scatter},
    Rule{"Slice", 10, range_to_inputs},
    Rule{"Softmax", 13, flatten_softmax},
    Rule{"Split", 13, split_to_input},
    Rule{"Split", 18, split_num_outputs},
    Rule{"Squeeze", 13, axes_to_input},
    Rule{"Swish", always, expand_swish},
    Rule{"TopK", 10, k_to_input},
    Rule{"Unsqueeze", 13, axes_to_input},
    Rule{"Upsample", 9, scales_to_input},
    Rule{"Upsample", 10, resize_from_scales},
};

struct ChangedOperator {
    std::string_view op;
    int since;
};

// Operators whose form before `since` meant something else (attributes that became inputs, broadcasting along an axis,
// training as the default) and which octet does not translate. The others mean the same in opset 7, or the rules above
// translate them, so that files older than opset 7 that have no others can be read.
constexpr std::array changed_operators = {
    ChangedOperator{"Add", 7},      ChangedOperator{"And", 7},     ChangedOperator{"AveragePool", 7},
    ChangedOperator{"Cast", 6},     ChangedOperator{"Concat", 4},  ChangedOperator{"BatchNormalization", 7},
    ChangedOperator{"Div", 7},      ChangedOperator{"Dropout", 7}, ChangedOperator{"Equal", 7},
    ChangedOperator{"Gemm", 7},     ChangedOperator{"Greater", 7}, ChangedOperator{"Less", 7},
    ChangedOperator{"Mul", 7},      ChangedOperator{"Or", 7},      ChangedOperator{"PRelu", 7},
    ChangedOperator{"Pad", 2},      ChangedOperator{"Pow", 7},     ChangedOperator{"Reshape", 5},
    ChangedOperator{"Split", 2},    ChangedOperator{"Sub", 7},     ChangedOperator{"Tile", 6},
    ChangedOperator{"Upsample", 7}, ChangedOperator{"Xor", 7},
};

bool too_old(std::string_view op, int opset) {
    return std::any_of(changed_operators.begin(), changed_operators.end(),
                       [&](const ChangedOperator& changed) { return changed.op == op && opset < changed.since; });
}

}  // namespace

Result<void> check_opset(std::int64_t opset) {
    if (opset > newest_opset) {
        return fail(ErrorCode::unsupported,
                    "opset {} is newer than {}, the newest that octet reads; export the model with opset {} or older",
                    opset, newest_opset, newest_opset);
    }
    if (opset < 1) return fail(ErrorCode::invalid_model, "opset {} does not exist", opset);
    return {};
}

Result<void> upgrade(Node& node, int opset, GraphBuilder& builder) {
    if (too_old(node.op, opset)) {
        return fail(
            ErrorCode::unsupported,
            "its form in opset {} is older than opset {}, the oldest that octet reads; export the model with opset "
            "{} to {}",
            opset, oldest_opset, oldest_opset, newest_opset);
    }
    Upgrade up{node, builder};
    for (const Rule& rule : rules) {
        if (rule.op == node.op && opset < rule.below) OCTET_TRY(rule.rewrite(up));
    }
    return {};
}

}  // namespace octet::onnx
