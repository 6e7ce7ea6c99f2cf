#include "apps/common/c_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>

#include "compare/tensor_layout.h"
#include "engine/npu_emu/accumulators.h"
#include "engine/npu_emu/step.h"

namespace octet::apps {
namespace {

using engine::ConvOp;
using engine::Op;

// A name that C takes.
std::string identifier(const std::string& name) {
    std::string text;
    for (char c : name) {
        const bool letter = std::isalnum(static_cast<unsigned char>(c)) != 0;
        if (letter || (!text.empty() && text.back() != '_')) text += letter ? c : '_';
    }
    if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0])) != 0) text = "layer_" + text;
    return text;
}

template <typename Values>
void add_array(std::string& out, std::string_view type, const std::string& name, std::string_view comment,
               const Values& values) {
    fmt::format_to(std::back_inserter(out), "\n/* {} */\nstatic const {} {}[{}] = {{", comment, type, name,
                   values.size());
    std::size_t i = 0;
    for (const auto value : values) {
        // INT32_MIN has no literal of its own.
        const auto number = static_cast<std::int64_t>(value);
        out += i++ % 16 == 0 ? "\n    " : " ";
        out += number == -2147483648LL ? "(-2147483647 - 1)," : fmt::format("{},", number);
    }
    out += "\n};\n";
}

std::string_view c_type(DType type) {
    return type == DType::uint8 ? "uint8_t" : type == DType::int16 ? "int16_t" : "int8_t";
}

Tensor first_image(const Tensor& tensor) {
    return tensor.rank() == 4 ? tensor.image(0) : tensor;
}

}  // namespace

const Op* find_conv(const engine::Program& program, const std::string& layer) {
    for (const Op& op : program.ops) {
        const auto* conv = std::get_if<ConvOp>(&op.form);
        if (!conv) continue;
        const engine::QuantValue& y = program.values[engine::index_of(conv->y)];
        const bool computes = std::find(op.nodes.begin(), op.nodes.end(), layer) != op.nodes.end();
        if (computes || op.name == layer || y.name == layer || y.quantized_name == layer) return &op;
    }
    return nullptr;
}

Result<std::string> conv_as_c_header(const Op& op, const engine::Program& program,
                                     const engine::npu_emu::Profile& profile, const Tensor& input,
                                     const Tensor& output) {
    namespace npu = engine::npu_emu;
    const auto& conv = std::get<ConvOp>(op.form);
    const engine::QuantValue& y = program.values[engine::index_of(conv.y)];
    const std::string_view rule_name = profile.rule(npu::operation_of(op, program)).value_or("");
    const auto rule = npu::requant_rule(rule_name);
    const bool in_float = rule == npu::RequantRule::fp32 || rule == npu::RequantRule::dq_float ||
                          rule == npu::RequantRule::onnx_ref || rule == npu::RequantRule::q8;
    if (!rule || in_float || input.rank() != 4) {
        return fail(ErrorCode::unsupported, "'{}': the rule \"{}\" of profile '{}' has no integer multipliers", op.name,
                    rule_name, profile.name);
    }
    const npu::Range range = npu::activated_range(conv.activation, y.grid, profile.range(y.grid.dtype));
    const Shape &w = conv.weights.shape(), &in = input.shape(), &to = output.shape();
    const std::vector<std::int64_t> bias = npu::accumulator_bias(conv);
    std::vector<std::int64_t> multiplier, shift;
    for (std::size_t o = 0; o < conv.weight_scales.size(); ++o) {
        const auto scale = static_cast<float>(conv.weight_scales[o]);
        OCTET_ASSIGN(const npu::Requantizer r, npu::make_requantizer(*rule, conv.x.grid.scale, scale, y.grid.scale,
                                                                     y.grid.zero_point, range, profile.multiplier));
        multiplier.push_back(r.m);
        shift.push_back(r.e);
    }
    const std::string name = identifier(op.name);
    std::string upper = name;
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    std::string text = fmt::format(
        "/* Convolution {} under the profile {}.\n"
        " *\n"
        " * acc = bias[o] + sum of (input - INPUT_ZERO_POINT) * weights[o][ky][kx][i]; outside of the image the input "
        "is\n"
        " * INPUT_ZERO_POINT. output = clamp(rule(acc) + OUTPUT_ZERO_POINT, OUTPUT_MIN, OUTPUT_MAX), where the rule "
        "\"{}\"\n"
        " * multiplies by multiplier[o] * 2^(shift[o] - 31). Made by octet-dump. */\n"
        "#ifndef {}_H\n#define {}_H\n\n#include <stdint.h>\n\n",
        op.name.find("*/") == std::string::npos ? op.name : name, profile.name, rule_name, upper, upper);
    const auto define = [&](std::string_view key, std::int64_t value) {
        fmt::format_to(std::back_inserter(text), "#define {}_{} {}\n", upper, key,
                       value < 0 ? fmt::format("({})", value) : fmt::format("{}", value));
    };
    define("INPUT_H", in[2]), define("INPUT_W", in[3]), define("INPUT_C", in[1]);
    define("OUTPUT_H", to[2]), define("OUTPUT_W", to[3]), define("OUTPUT_C", to[1]);
    define("KERNEL_H", w[2]), define("KERNEL_W", w[3]), define("GROUPS", conv.groups);
    define("STRIDE_H", conv.window.stride_h), define("STRIDE_W", conv.window.stride_w);
    define("PAD_TOP", conv.window.pad_top), define("PAD_LEFT", conv.window.pad_left);
    define("DILATION_H", conv.window.dilation_h), define("DILATION_W", conv.window.dilation_w);
    define("INPUT_ZERO_POINT", conv.x.grid.zero_point), define("OUTPUT_ZERO_POINT", y.grid.zero_point);
    define("OUTPUT_MIN", range.min), define("OUTPUT_MAX", range.max);
    const auto integers = [](const Tensor& tensor) { return tensor.to_int64(); };
    add_array(text, "int8_t", name + "_weights", "[cout][kernel_h][kernel_w][cin / groups]",
              integers(compare::to_layout(conv.weights, compare::Layout::nhwc, 0, 0)));
    const bool wide_bias =
        std::any_of(bias.begin(), bias.end(), [](std::int64_t b) { return b != static_cast<std::int32_t>(b); });
    add_array(text, wide_bias ? "int64_t" : "int32_t", name + "_bias", "on the scale of input * weight", bias);
    add_array(text, "int32_t", name + "_multiplier", "in [2^30, 2^31), Q31", multiplier);
    add_array(text, "int32_t", name + "_shift", "positive: left", shift);
    add_array(text, c_type(input.dtype()), name + "_input", "[input_h][input_w][input_c]",
              integers(compare::to_layout(first_image(input), compare::Layout::nhwc, 0, 0)));
    add_array(text, c_type(output.dtype()), name + "_output", "expected, [output_h][output_w][output_c]",
              integers(compare::to_layout(first_image(output), compare::Layout::nhwc, 0, 0)));
    text += "\n#endif\n";
    return text;
}

}  // namespace octet::apps
