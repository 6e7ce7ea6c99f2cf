#include "frontends/onnx/lower.h"

#include <utility>

#include "frontends/onnx/graph_builder.h"
#include "graph/ops/check.h"

namespace octet::onnx {
namespace {

class Lowering {
  public:
    Lowering(Node node, GraphBuilder& builder) : node_(std::move(node)), builder_(builder) {}

    // Focus: y = concat of x[:, :, row::2, column::2] for (row, column) = 00, 10, 01, 11.
    Result<void> focus() {
        constexpr std::int64_t to_the_end = max_elements;
        const ValueId ends = integers("ends", {to_the_end, to_the_end});
        const ValueId axes = integers("axes", {2, 3});
        const ValueId steps = integers("steps", {2, 2});
        std::vector<ValueId> blocks;
        for (const auto& [row, column] : {std::pair{0, 0}, {1, 0}, {0, 1}, {1, 1}}) {
            const ValueId starts = integers("starts", {row, column});
            blocks.push_back(add("Slice", {node_.inputs[0], starts, ends, axes, steps}));
        }
        finish("Concat", std::move(blocks), {{"axis", std::int64_t{1}}});
        return {};
    }

    // Swish: x · sigmoid(x); the operator of this name is of opset 24.
    Result<void> swish() {
        const ValueId x = node_.inputs[0];
        finish("Mul", {x, add("Sigmoid", {x})}, {});
        return {};
    }

    Result<void> detect() {
        const std::size_t levels = node_.inputs.size();
        const auto strides = node_.attributes.reals("strides");
        const auto anchors = node_.attributes.reals("anchors");
        if (levels == 0 || strides.size() != levels || anchors.empty() || anchors.size() % (2 * levels) != 0) {
            return fail(ErrorCode::invalid_model, "{} levels, {} strides and {} anchor coordinates do not fit", levels,
                        strides.size(), anchors.size());
        }
        const std::size_t part = anchors.size() / levels;
        std::vector<ValueId> rows;
        for (std::size_t i = 0; i < levels; ++i) {
            const std::vector<float> own(anchors.begin() + static_cast<std::ptrdiff_t>(i * part),
                                         anchors.begin() + static_cast<std::ptrdiff_t>((i + 1) * part));
            OCTET_ASSIGN(const ValueId level, detect_level(node_.inputs[i], strides[i], own));
            rows.push_back(level);
        }
        finish("Concat", std::move(rows), {{"axis", std::int64_t{1}}});
        return {};
    }

  private:
    // x [N, na*no, h, w] -> [N, na*h*w, no], with s = sigmoid(x) as [N, na, h, w, no]:
    //   xy = (2 s - 0.5 + (column, 0) + (0, row)) * stride     two small constants instead of an h*w grid
    //   wh = (2 s)^2 * anchor
    Result<ValueId> detect_level(ValueId x, float stride, const std::vector<float>& anchors) {
        const auto& known = builder_.graph().value(x).shape;
        const auto na = static_cast<std::int64_t>(anchors.size() / 2);
        if (!known || known->size() != 4 || (*known)[1] % na != 0 || (*known)[1] / na < 5) {
            return fail(ErrorCode::invalid_model, "the shape of input '{}' does not fit {} anchors",
                        builder_.graph().value(x).name, na);
        }
        const Shape shape = *known;
        const std::int64_t no = shape[1] / na, h = shape[2], w = shape[3];
        const ValueId split5 = add("Reshape", {x, integers("shape", {shape[0], na, no, h, w})});
        const ValueId last = add("Transpose", {split5}, {{"perm", std::vector<std::int64_t>{0, 1, 3, 4, 2}}});
        const ValueId s = add("Sigmoid", {last});

        const ValueId two = scalar(2.0F);
        ValueId xy = add("Mul", {columns(s, 0, 2), two});
        xy = add("Sub", {xy, scalar(0.5F)});
        xy = add("Add", {xy, ramp({1, 1, 1, w, 2}, 0)});
        xy = add("Add", {xy, ramp({1, 1, h, 1, 2}, 1)});
        xy = add("Mul", {xy, scalar(stride)});
        const ValueId doubled = add("Mul", {columns(s, 2, 4), two});
        const ValueId squared = add("Mul", {doubled, doubled});
        const ValueId wh = add("Mul", {squared, reals({1, na, 1, 1, 2}, anchors)});

        std::vector<ValueId> parts = {xy, wh};
        const float box_scale = node_.attributes.real("box_scale", 1.0F);
        if (box_scale != 1.0F) parts = {add("Mul", {concat_last(parts), scalar(box_scale)})};
        parts.push_back(columns(s, 4, no));
        return add("Reshape", {concat_last(parts), integers("shape", {shape[0], na * h * w, no})});
    }

    ValueId columns(ValueId s, std::int64_t from, std::int64_t to) {
        return add("Slice", {s, integers("starts", {from}), integers("ends", {to}), integers("axes", {4})});
    }
    ValueId concat_last(std::vector<ValueId> parts) {
        return add("Concat", std::move(parts), {{"axis", std::int64_t{4}}});
    }
    // 0, 1, 2 … in column `column` of pairs, 0 in the other.
    ValueId ramp(Shape shape, std::size_t column) {
        Tensor tensor(DType::float32, std::move(shape));
        auto out = tensor.mutable_data<float>();
        for (std::size_t i = 0; 2 * i < out.size(); ++i) out[2 * i + column] = static_cast<float>(i);
        return builder_.constant(node_.name + "_grid", std::move(tensor));
    }
    ValueId scalar(float value) { return builder_.constant(node_.name + "_scalar", Tensor::scalar(value)); }
    ValueId reals(Shape shape, const std::vector<float>& values) {
        return builder_.constant(node_.name + "_anchors", Tensor::from<float>(std::move(shape), values));
    }
    ValueId integers(const std::string& what, const std::vector<std::int64_t>& values) {
        const Shape shape = {static_cast<std::int64_t>(values.size())};
        return builder_.constant(node_.name + "_" + what, Tensor::from<std::int64_t>(shape, values));
    }
    ValueId add(const std::string& op, std::vector<ValueId> inputs, Attributes attributes = {}) {
        return builder_.node(op, node_.name + "_" + op, std::move(inputs), std::move(attributes));
    }
    void finish(const std::string& op, std::vector<ValueId> inputs, Attributes attributes) {
        builder_.graph().add_node_onto(op, node_.name, std::move(inputs), node_.outputs, std::move(attributes));
    }

    Node node_;
    GraphBuilder& builder_;
};

}  // namespace

Result<Graph> lower_to_standard(Graph graph) {
    GraphBuilder builder(graph);
    for (std::size_t i = 0; i < graph.value_count(); ++i) builder.value_name(graph.value(static_cast<ValueId>(i)).name);
    for (std::size_t i = 0; i < graph.node_count(); ++i) builder.node_name(graph.node(static_cast<NodeId>(i)).name);
    const std::size_t count = graph.node_count();
    for (std::size_t i = 0; i < count; ++i) {
        const auto id = static_cast<NodeId>(i);
        const Node node = graph.node(id);
        if (node.removed || (node.op != "Focus" && node.op != "Detect" && node.op != "Swish")) continue;
        // The outputs stay: the last node of the replacement takes them over.
        graph.node(id).removed = true;
        const std::size_t first = graph.node_count();
        Lowering lowering(node, builder);
        auto lowered = node.op == "Focus"    ? lowering.focus()
                       : node.op == "Detect" ? lowering.detect()
                                             : lowering.swish();
        if (!lowered) return at(describe(node), std::move(lowered).error());
        graph.stand_for(first, describe(node));
    }
    return graph;
}

}  // namespace octet::onnx
