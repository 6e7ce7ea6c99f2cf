#include "frontends/onnx/qoperator.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "frontends/onnx/tensor_codec.h"
#include "graph/ops/check.h"

namespace octet::onnx {
namespace {

class Expansion {
  public:
    Expansion(const Node& node, GraphBuilder& builder) : node_(node), builder_(builder) {}

    const Node& node() const { return node_; }
    std::size_t input_count() const { return node_.inputs.size(); }
    ValueId input(std::size_t i) const { return i < node_.inputs.size() ? node_.inputs[i] : no_value; }
    const Tensor* constant(std::size_t i) const { return builder_.graph().constant(input(i)); }

    Result<void> require_inputs(std::size_t least, std::size_t most) const {
        if (node_.inputs.size() < least || node_.inputs.size() > most || node_.outputs.size() != 1) {
            return fail(ErrorCode::invalid_model,
                        "it has {} inputs and {} outputs, {} to {} inputs and 1 output are needed", node_.inputs.size(),
                        node_.outputs.size(), least, most);
        }
        return {};
    }

    // The float value of the tensor at input i, whose scale and zero point are the inputs i+1 and i+2.
    ValueId dequantized(std::size_t i, std::int64_t axis = 1) {
        return dequantized_value(input(i), input(i + 1), input(i + 2), axis);
    }
    ValueId dequantized_value(ValueId tensor, ValueId scale, ValueId zero_point, std::int64_t axis) {
        std::vector<ValueId> inputs = on_grid(tensor, scale, zero_point);
        Attributes attributes = along(inputs[1], axis);
        return builder_.node("DequantizeLinear", node_.name + "_dequantize", std::move(inputs), std::move(attributes));
    }
    // The tensor minus its zero point: one for all, or one for each slice along `axis`.
    ValueId unit_scaled(std::size_t tensor, std::size_t zero_point, std::int64_t axis) {
        const Tensor* zero = constant(zero_point);
        Tensor ones = Tensor::scalar(1.0F);
        if (zero && zero->size() > 1) {
            ones = Tensor(DType::float32, {zero->size()});
            std::ranges::fill(ones.mutable_data<float>(), 1.0F);
        }
        ValueId scale = builder_.constant(node_.name + "_one", std::move(ones));
        if (!zero && input(zero_point) != no_value) scale = add("Expand", {scale, add("Shape", {input(zero_point)})});
        return dequantized_value(input(tensor), scale, input(zero_point), axis);
    }

    // bias int32 -> float, with the scale factor * x_scale * w_scale that the specification gives it.
    Result<ValueId> dequantized_bias(std::size_t bias, std::size_t x_scale, std::size_t w_scale, float factor = 1) {
        const Tensor* xs = constant(x_scale);
        const Tensor* ws = constant(w_scale);
        if (!xs || !ws || xs->size() != 1 || xs->dtype() != DType::float32 || ws->dtype() != DType::float32) {
            return fail(ErrorCode::unsupported,
                        "with a bias its input and weight scales must be constant float32 tensors");
        }
        Tensor scale(DType::float32, ws->shape());
        auto out = scale.mutable_data<float>();
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = factor * (xs->data<float>()[0] * ws->data<float>()[i]);
        return dequantized_value(input(bias), builder_.constant(node_.name + "_bias_scale", std::move(scale)), no_value,
                                 -1);
    }

    ValueId add(const std::string& op, std::vector<ValueId> inputs, Attributes attributes = {}) {
        return builder_.node(op, node_.name + "_float", std::move(inputs), std::move(attributes));
    }
    // The last node of the expansion.
    void finish(const std::string& op, std::vector<ValueId> inputs, Attributes attributes = {}) {
        builder_.graph().add_node_onto(op, node_.name, std::move(inputs), node_.outputs, std::move(attributes));
    }
    // Without a zero point it is 0, and the output has the type of input `like`.
    Result<void> finish_quantized(ValueId value, std::size_t scale, std::size_t zero_point, std::size_t like,
                                  std::int64_t axis = 1) {
        ValueId zero = input(zero_point);
        if (zero == no_value) {
            const DType type = quantized_type(input(like));
            if (type != DType::uint8 && type != DType::int8) {
                return fail(ErrorCode::unsupported,
                            "its output has no zero point, and the type of its input is not known");
            }
            zero = builder_.constant(node_.name + "_zero_point", Tensor(type, {}));
        }
        std::vector<ValueId> inputs = on_grid(value, input(scale), zero);
        Attributes attributes = along(inputs[1], axis);
        finish("QuantizeLinear", std::move(inputs), std::move(attributes));
        return {};
    }

  private:
    bool is_known_single(ValueId id) const {
        const Tensor* tensor = builder_.graph().constant(id);
        return tensor && tensor->size() == 1;
    }

    // The inputs of a QuantizeLinear or DequantizeLinear. These operators give a scale and a zero point each for
    // itself as one value or a vector; there both have one shape.
    std::vector<ValueId> on_grid(ValueId tensor, ValueId scale, ValueId zero_point) {
        if (zero_point == no_value) return {tensor, scale};
        const Tensor* s = builder_.graph().constant(scale);
        const Tensor* z = builder_.graph().constant(zero_point);
        if (s && z && s->size() != z->size()) {
            if (z->size() == 1) {
                zero_point = builder_.constant(node_.name + "_zero_points", repeated(*z, s->shape()));
            } else if (s->size() == 1) {
                scale = builder_.constant(node_.name + "_scales", repeated(*s, z->shape()));
            }
        }
        return {tensor, scale, zero_point};
    }
    static Tensor repeated(const Tensor& one, const Shape& shape) {
        Tensor all(one.dtype(), shape);
        std::byte* to = all.mutable_raw();
        for (std::int64_t i = 0; i < all.size(); ++i, to += one.bytes()) std::memcpy(to, one.raw(), one.bytes());
        return all;
    }

    Attributes along(ValueId scale, std::int64_t axis) const {
        return is_known_single(scale) ? Attributes{} : Attributes{{"axis", axis}};
    }

    // The type of a value before shape inference: what its QuantizeLinear says, perhaps behind operators that only move
    // values. Float where that does not tell.
    DType quantized_type(ValueId id) const {
        const Graph& graph = builder_.graph();
        NodeId from = graph.producer(id);
        // What a file claims may go in circles.
        for (std::size_t steps = graph.node_count(); from != no_node && steps > 0; --steps) {
            const Node& node = graph.node(from);
            const bool quantizes = node.op == "QuantizeLinear";
            const std::int64_t declared = node.attributes.integer(quantizes ? "output_dtype" : "to", 0);
            if (declared != 0) return ops::dtype_from_onnx(declared).value_or(DType::float32);
            if (quantizes && node.inputs.size() < 3) return DType::uint8;
            if (node.inputs.empty()) return DType::float32;
            id = node.inputs[quantizes ? 2 : 0];
            from = graph.producer(id);
        }
        return id == no_value ? DType::float32 : graph.value(id).dtype;
    }

    const Node& node_;
    GraphBuilder& builder_;
};

// x, xs, xz, w, ws, wz, ys, yz, [bias]
Result<void> expand_conv(Expansion& e) {
    OCTET_TRY(e.require_inputs(8, 9));
    std::vector<ValueId> inputs = {e.dequantized(0), e.dequantized(3, 0)};
    if (e.input(8) != no_value) {
        OCTET_ASSIGN(const ValueId bias, e.dequantized_bias(8, 1, 4));
        inputs.push_back(bias);
    }
    return e.finish_quantized(e.add("Conv", std::move(inputs), e.node().attributes), 6, 7, 0);
}

// a, as, az, b, bs, bz, ys, yz; vectors of scales belong to the rows of a and y and to the columns of b.
Result<void> expand_matmul(Expansion& e) {
    OCTET_TRY(e.require_inputs(8, 8));
    return e.finish_quantized(e.add("MatMul", {e.dequantized(0, -2), e.dequantized(3, -1)}), 6, 7, 0, -2);
}

// a, as, az, b, bs, bz, [c], [ys, yz]; the scale of c is alpha * as * bs, without yz the output is float.
Result<void> expand_gemm(Expansion& e) {
    OCTET_TRY(e.require_inputs(6, 9));
    const bool transposed = e.node().attributes.integer("transB", 0) != 0;
    std::vector<ValueId> inputs = {e.dequantized(0), e.dequantized(3, transposed ? 0 : 1)};
    if (e.input(6) != no_value) {
        OCTET_ASSIGN(const ValueId bias, e.dequantized_bias(6, 1, 4, e.node().attributes.real("alpha", 1)));
        inputs.push_back(bias);
    }
    if (e.input(8) == no_value) {
        e.finish("Gemm", std::move(inputs), e.node().attributes);
        return {};
    }
    return e.finish_quantized(e.add("Gemm", std::move(inputs), e.node().attributes), 7, 8, 0);
}

// x, w, [xz], [wz] -> int32. The sums are computed in float32: exact up to 2^24.
Result<void> expand_integer(Expansion& e, const std::string& op, std::int64_t weight_axis) {
    OCTET_TRY(e.require_inputs(2, 4));
    const ValueId y = e.add(op, {e.unit_scaled(0, 2, -2), e.unit_scaled(1, 3, weight_axis)}, e.node().attributes);
    e.finish("Cast", {y}, {{"to", std::int64_t{code_of(DType::int32)}}});
    return {};
}
Result<void> expand_conv_integer(Expansion& e) {
    return expand_integer(e, "Conv", 0);
}
Result<void> expand_matmul_integer(Expansion& e) {
    return expand_integer(e, "MatMul", -1);
}

// a, as, az, b, bs, bz, ys, [yz]
Result<void> expand_binary(Expansion& e, const std::string& op) {
    OCTET_TRY(e.require_inputs(7, 8));
    return e.finish_quantized(e.add(op, {e.dequantized(0), e.dequantized(3)}), 6, 7, 0);
}
Result<void> expand_add(Expansion& e) {
    return expand_binary(e, "Add");
}
Result<void> expand_mul(Expansion& e) {
    return expand_binary(e, "Mul");
}

// ys, yz, then x, xs, xz for each part
Result<void> expand_concat(Expansion& e) {
    if (e.input_count() < 5 || e.input_count() % 3 != 2 || e.node().outputs.size() != 1) {
        return fail(ErrorCode::invalid_model, "it has {} inputs, 2 and 3 for each part are needed", e.input_count());
    }
    std::vector<ValueId> parts;
    for (std::size_t i = 2; i < e.input_count(); i += 3) parts.push_back(e.dequantized(i));
    return e.finish_quantized(e.add("Concat", std::move(parts), e.node().attributes), 0, 1, 2);
}

// x, xs, xz, ys, [yz]
Result<void> expand_unary(Expansion& e, const std::string& op) {
    OCTET_TRY(e.require_inputs(4, 5));
    Attributes attributes = e.node().attributes;
    if (attributes.integer("channels_last", 0) != 0) {
        return fail(ErrorCode::unsupported, "channels_last is not supported");
    }
    attributes.erase("channels_last");
    attributes.erase("opset");
    return e.finish_quantized(e.add(op, {e.dequantized(0)}, std::move(attributes)), 3, 4, 0);
}
Result<void> expand_leaky_relu(Expansion& e) {
    return expand_unary(e, "LeakyRelu");
}
Result<void> expand_sigmoid(Expansion& e) {
    return expand_unary(e, "Sigmoid");
}
Result<void> expand_average_pool(Expansion& e) {
    return expand_unary(e, "AveragePool");
}
Result<void> expand_global_average_pool(Expansion& e) {
    return expand_unary(e, "GlobalAveragePool");
}
Result<void> expand_softmax(Expansion& e) {
    if (e.node().attributes.integer("opset", 13) < 13) {
        return fail(ErrorCode::unsupported, "Softmax in the form of opset 12 and older is not supported here");
    }
    return expand_unary(e, "Softmax");
}

// ONNX Runtime's own forms of the standard operators, for 16-bit types before opset 21.
Result<void> expand_quantize(Expansion& e) {
    e.finish("QuantizeLinear", e.node().inputs, e.node().attributes);
    return {};
}
Result<void> expand_dequantize(Expansion& e) {
    e.finish("DequantizeLinear", e.node().inputs, e.node().attributes);
    return {};
}

struct QOperator {
    std::string_view domain;
    std::string_view op;
    Result<void> (*expand)(Expansion&);
};

constexpr std::array qoperators = {
    QOperator{"", "ConvInteger", expand_conv_integer},
    QOperator{"", "MatMulInteger", expand_matmul_integer},
    QOperator{"", "QLinearConv", expand_conv},
    QOperator{"", "QLinearMatMul", expand_matmul},
    QOperator{"com.microsoft", "DequantizeLinear", expand_dequantize},
    QOperator{"com.microsoft", "QGemm", expand_gemm},
    QOperator{"com.microsoft", "QLinearAdd", expand_add},
    QOperator{"com.microsoft", "QLinearAveragePool", expand_average_pool},
    QOperator{"com.microsoft", "QLinearConcat", expand_concat},
    QOperator{"com.microsoft", "QLinearGlobalAveragePool", expand_global_average_pool},
    QOperator{"com.microsoft", "QLinearLeakyRelu", expand_leaky_relu},
    QOperator{"com.microsoft", "QLinearMul", expand_mul},
    QOperator{"com.microsoft", "QLinearSigmoid", expand_sigmoid},
    QOperator{"com.microsoft", "QLinearSoftmax", expand_softmax},
    QOperator{"com.microsoft", "QuantizeLinear", expand_quantize},
};

const QOperator* find_qoperator(std::string_view domain, std::string_view op) {
    const auto* const it = std::find_if(qoperators.begin(), qoperators.end(),
                                        [&](const QOperator& q) { return q.domain == domain && q.op == op; });
    return it == qoperators.end() ? nullptr : it;
}

}  // namespace

bool is_qoperator(std::string_view domain, std::string_view op) {
    return find_qoperator(domain, op) != nullptr;
}

Result<void> expand_qoperator(const Node& node, std::string_view domain, GraphBuilder& builder) {
    Expansion expansion(node, builder);
    return find_qoperator(domain, node.op)->expand(expansion);
}

}  // namespace octet::onnx
