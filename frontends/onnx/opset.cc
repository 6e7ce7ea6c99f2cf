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
    void set_input(std::size_t i, ValueId id) {
        if (node.inputs.size() <= i) node.inputs.resize(i + 1, no_value);
        node.inputs[i] = id;
    }
    ValueId vector(std::string_view what, const std::vector<std::int64_t>& values) {
        const Shape shape = {static_cast<std::int64_t>(values.size())};
        return builder.constant(fmt::format("{}_{}", node.name, what), Tensor::from<std::int64_t>(shape, values));
    }
};

// An integers attribute that became input i.
void attribute_to_input(Upgrade& up, const std::string& name, std::size_t i) {
    if (!up.node.attributes.has(name)) return;
    up.set_input(i, up.vector(name, up.node.attributes.integers(name)));
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
    if (axis == -1) return {};
    const ValueId x = up.input(0);
    const std::string name = up.node.name;
    const ValueId flat = up.builder.node("Flatten", name + "_flatten", {x}, {{"axis", axis}});
    const ValueId y = up.builder.node(up.node.op, name + "_2d", {flat}, {{"axis", std::int64_t{-1}}});
    const ValueId shape = up.builder.node("Shape", name + "_shape", {x});
    up.node.op = "Reshape";
    up.node.inputs = {y, shape};
    up.node.attributes = {};
    return {};
}

// Dropout changes nothing outside of training. With a mask, or in training mode, it stays what it is.
Result<void> drop_dropout(Upgrade& up) {
    const Tensor* training = up.builder.graph().constant(up.input(2));
    const bool trains = up.input(2) != no_value && (!training || training->size() != 1 || training->to_int64()[0] != 0);
    if (trains || up.node.outputs.size() > 1 || up.node.inputs.empty()) return {};
    up.node.op = "Identity";
    up.node.inputs.resize(1);
    up.node.attributes = {};
    return {};
}

// Until opset 12 the unused ones of roi, scales and sizes are empty tensors.
Result<void> omit_empty_resize_inputs(Upgrade& up) {
    for (std::size_t i = 1; i < up.node.inputs.size(); ++i) {
        const Tensor* constant = up.builder.graph().constant(up.node.inputs[i]);
        if (constant && constant->size() == 0) up.node.inputs[i] = no_value;
    }
    while (!up.node.inputs.empty() && up.node.inputs.back() == no_value) up.node.inputs.pop_back();
    return {};
}

// Upsample, and Resize of opset 10: inputs X and scales; source pixel = floor(x / scale).
Result<void> resize_from_scales(Upgrade& up) {
    if (up.input(1) == no_value) return fail(ErrorCode::unsupported, "scales as an attribute are not supported");
    up.node.op = "Resize";
    up.node.inputs = {up.input(0), no_value, up.input(1)};
    up.node.attributes.set("coordinate_transformation_mode", "asymmetric");
    up.node.attributes.set("nearest_mode", "floor");
    return {};
}

// 16-bit floating tensors are float32 here, so a conversion to one of them is a conversion to float32.
Result<void> widen_cast(Upgrade& up) {
    const std::int64_t to = up.node.attributes.integer("to", 0);
    if (to == onnx_float16 || to == onnx_bfloat16) up.node.attributes.set("to", std::int64_t{onnx_float});
    return {};
}

Result<void> refuse_blocks(Upgrade& up) {
    if (up.node.attributes.integer("block_size", 0) != 0) {
        return fail(ErrorCode::unsupported, "blocked quantization (block_size) is not supported");
    }
    return {};
}

constexpr int always = std::numeric_limits<int>::max();

struct Rule {
    std::string_view op;
    int below;  // applies to files of an older opset than this
    Result<void> (*rewrite)(Upgrade&);
};

// In the order in which they apply. Operators that are not listed mean the same in opset 11 and in opset 21.
constexpr std::array rules = {
    Rule{"Cast", always, widen_cast},
    Rule{"DequantizeLinear", always, refuse_blocks},
    Rule{"Dropout", always, drop_dropout},
    Rule{"LogSoftmax", 13, flatten_softmax},
    Rule{"QuantizeLinear", always, refuse_blocks},
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
    Rule{"Resize", 13, omit_empty_resize_inputs},
    Rule{"Softmax", 13, flatten_softmax},
    Rule{"Split", 13, split_to_input},
    Rule{"Split", 18, split_num_outputs},
    Rule{"Squeeze", 13, axes_to_input},
    Rule{"Unsqueeze", 13, axes_to_input},
    Rule{"Upsample", 10, resize_from_scales},
};

struct ChangedOperator {
    std::string_view op;
    int since;
};

// Operators whose form before `since` meant something else (attributes that became inputs, broadcasting along an axis)
// and which octet does not translate. The others mean the same in opset 11, or the rules above translate them, so that
// files older than opset 11 that have no others can be read.
constexpr std::array changed_operators = {
    ChangedOperator{"Add", 7},         ChangedOperator{"And", 7},
    ChangedOperator{"AveragePool", 7}, ChangedOperator{"BatchNormalization", 9},
    ChangedOperator{"Cast", 6},        ChangedOperator{"Clip", 11},
    ChangedOperator{"Concat", 4},      ChangedOperator{"Div", 7},
    ChangedOperator{"Dropout", 7},     ChangedOperator{"Equal", 7},
    ChangedOperator{"Gemm", 7},        ChangedOperator{"Greater", 7},
    ChangedOperator{"Less", 7},        ChangedOperator{"Max", 8},
    ChangedOperator{"Mean", 8},        ChangedOperator{"Min", 8},
    ChangedOperator{"Mul", 7},         ChangedOperator{"Or", 7},
    ChangedOperator{"PRelu", 7},       ChangedOperator{"Pad", 11},
    ChangedOperator{"Pow", 7},         ChangedOperator{"Reshape", 5},
    ChangedOperator{"Slice", 10},      ChangedOperator{"Split", 2},
    ChangedOperator{"Sub", 7},         ChangedOperator{"Sum", 8},
    ChangedOperator{"Tile", 6},        ChangedOperator{"TopK", 10},
    ChangedOperator{"Xor", 7},
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
    if (opset < oldest_opset && find_op(node.op) && too_old(node.op, opset)) {
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
