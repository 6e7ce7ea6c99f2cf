#include <algorithm>

#include "engine/border_steps.h"
#include "engine/float_step.h"
#include "engine/lowering_internal.h"
#include "engine/step_common.h"
#include "graph/ops/evaluator.h"
#include "graph/ops/nearest_sources.h"
#include "kernels/quantize.h"

namespace octet::engine {

// Int32 sums for each pixel of a tensor.
PlaneRef Lowering::add_sums_plane(ValueId pixels, int channels) {
    Plane plane;
    plane.dtype = DType::int32;
    plane.layout = kernels::plane_layout(rows(pixels), static_cast<int>(shape(pixels)[3]), channels, 0, 4);
    plane.bytes = static_cast<std::size_t>(plane.layout.elements) * sizeof(std::int32_t);
    plane.first_step = -1;
    plan_->planes.push_back(std::move(plane));
    return {static_cast<int>(plan_->planes.size()) - 1, 0, channels};
}

Result<void> Lowering::add(StepResult step) {
    if (!step) return tl::unexpected<Error>(std::move(step).error());
    const auto index = static_cast<int>(plan_->steps.size());
    for (PlaneRef ref : (*step)->planes()) {
        Plane& plane = plan_->planes[static_cast<std::size_t>(ref.plane)];
        if (plane.first_step < 0) plane.first_step = index;
        plane.last_step = index;
    }
    plan_->scratch_bytes = std::max(plan_->scratch_bytes, (*step)->scratch_bytes(plan_->planes));
    plan_->steps.push_back(std::move(*step));
    return {};
}

void Lowering::add_halo(PlaneRef ref, const std::string& name) {
    const Plane& plane = plan_->planes[static_cast<std::size_t>(ref.plane)];
    if (plane.layout.halo == 0 || !halo_filled_.insert(ref.plane).second) return;
    // A step with planes but no failure.
    (void)add(make_halo_step(name, {ref.plane, 0, plane.layout.c}));
}

Result<void> Lowering::emit(NodeId id) {
    if (const auto found = patterns_.find(id); found != patterns_.end()) {
        auto emitted = emit_pattern(found->second);
        const bool has_other_way = found->second.kind != PatternKind::quantize;
        if (!emitted && emitted.error().code == ErrorCode::unsupported && has_other_way) refused_ = id;
        OCTET_TRY(std::move(emitted));
    }
    const Node& node = graph_.node(id);
    const bool wants_tensor = std::any_of(node.outputs.begin(), node.outputs.end(),
                                          [&](ValueId v) { return v != no_value && demand(v).tensor; });
    return wants_tensor ? emit_tensor(id) : Result<void>{};
}

Result<void> Lowering::emit_pattern(const Pattern& pattern) {
    const Node& quantize = graph_.node(pattern.quantize);
    const ValueId value = quantize.outputs[0];
    const PlaneRef out = refs_.at(value);
    const std::string& name = pattern.node == no_node ? quantize.name : graph_.node(pattern.node).name;
    if (pattern.kind != PatternKind::concat) add_halo(out, name);
    const auto in = [&](std::size_t i) { return refs_.at(pattern.sources[i].value); };

    switch (pattern.kind) {
        case PatternKind::conv:
            return emit_conv(pattern, out);
        case PatternKind::batchnorm:
            return emit_batchnorm(pattern, out);
        case PatternKind::concat:
            return emit_concat(pattern, out);
        case PatternKind::resize:
            return emit_resize(pattern, out);
        case PatternKind::lut:
            return emit_lut(pattern, out);
        case PatternKind::add:
            return add(make_add_step(plan_->features, name, rows(value), pattern.sources[0].grid, in(0),
                                     pattern.sources[1].grid, in(1), pattern.grid, out, pattern.activation));
        case PatternKind::maxpool: {
            const Attributes& attributes = graph_.node(pattern.node).attributes;
            const auto kernel = attributes.integers("kernel_shape");
            const auto strides = attributes.integers("strides", {1, 1});
            const auto pads = attributes.integers("pads", {0, 0, 0, 0});
            const PoolSpec spec{static_cast<int>(kernel[0]),  static_cast<int>(kernel[1]), static_cast<int>(strides[0]),
                                static_cast<int>(strides[1]), static_cast<int>(pads[0]),   static_cast<int>(pads[1])};
            return add(make_maxpool_step(plan_->features, name, rows(value), spec, in(0), out));
        }
        case PatternKind::pixels: {
            for (Port& port : plan_->inputs) port.accepts_pixels |= port.value == pattern.input;
            const auto channels = static_cast<std::size_t>(out.channels);
            std::vector<float> gain(channels, 1.0F), offset(channels, 0.0F);
            for (NodeId id : pattern.chain) {
                const auto values = graph_.constant(graph_.node(id).inputs[1])->to_float();
                std::vector<float>& into = graph_.node(id).op == "Mul" ? gain : offset;
                for (std::size_t c = 0; c < channels; ++c) into[c] = values[values.size() == 1 ? 0 : c];
            }
            return add(make_pixels_step(plan_->features, name, pattern.input, std::move(gain), std::move(offset), out));
        }
        case PatternKind::quantize: {
            const bool input =
                std::find(graph_.inputs.begin(), graph_.inputs.end(), pattern.input) != graph_.inputs.end();
            return add(
                make_quantize_step(plan_->features, name, pattern.input, pattern.grid, out, shape(value), seam(input)));
        }
    }
    return {};
}

Result<void> Lowering::emit_conv(const Pattern& pattern, PlaneRef out) {
    const Node& node = graph_.node(pattern.node);
    const Shape& result = shape(node.outputs[0]);
    ConvSpec spec;
    spec.name = node.name;
    spec.params = conv_params(node);
    const QuantWeights weights = *matcher_.weights(node.inputs[1], 0, result[1]);
    spec.weight_scales = weights.scales;
    // OIHW -> OHWI
    const Shape& oihw = weights.values->shape();
    const auto from = weights.values->data<std::int8_t>();
    const std::int64_t taps = oihw[2] * oihw[3];
    spec.weights.resize(from.size());
    for (std::int64_t o = 0; o < oihw[0]; ++o) {
        for (std::int64_t i = 0; i < oihw[1]; ++i) {
            for (std::int64_t t = 0; t < taps; ++t) {
                spec.weights[static_cast<std::size_t>((o * taps + t) * oihw[1] + i)] =
                    from[static_cast<std::size_t>((o * oihw[1] + i) * taps + t)];
            }
        }
    }
    if (node.inputs.size() > 2 && node.inputs[2] != no_value) spec.bias = *matcher_.constant_values(node.inputs[2]);
    spec.in_grid = plane_grid(pattern.sources[0]);
    if (spec.in_grid.dtype == DType::int16) spec.params.input = kernels::ConvInput::s16;
    spec.out_grid = pattern.grid;
    spec.activation = pattern.activation;
    if (const auto found = upsampled_concats_.find(pattern.quantize); found != upsampled_concats_.end()) {
        const UpsampledConcat& parts = found->second;
        spec.in = refs_.at(parts.full);
        spec.upsampled_part = {refs_.at(parts.low), add_sums_plane(parts.low, spec.params.cout), parts.first_channel};
    } else if (const auto low = upsampled_inputs_.find(pattern.quantize); low != upsampled_inputs_.end()) {
        spec.in = refs_.at(low->second);
        spec.params.upsampled = true;
    } else {
        spec.in = refs_.at(pattern.sources[0].value);
    }
    spec.out = out;
    if (pattern.residual) {
        spec.residual_grid = pattern.residual->grid;
        spec.residual = refs_.at(pattern.residual->value);
    }
    spec.macs = result[1] * result[2] * result[3] * oihw[1] * taps;
    OCTET_ASSIGN(ConvStepResult conv, make_conv_step(plan_->features, spec));
    if (conv.grid.dtype == DType::int16) wide_grids_[graph_.node(pattern.quantize).outputs[0]] = conv.grid;
    if (conv.upsampled_part) OCTET_TRY(add(std::move(conv.upsampled_part)));
    return add(std::move(conv.step));
}

Result<void> Lowering::emit_batchnorm(const Pattern& pattern, PlaneRef out) {
    const Node& node = graph_.node(pattern.node);
    const auto scale = *matcher_.constant_values(node.inputs[1]);
    const auto shift = *matcher_.constant_values(node.inputs[2]);
    const auto mean = *matcher_.constant_values(node.inputs[3]);
    const auto variance = *matcher_.constant_values(node.inputs[4]);
    const auto epsilon = static_cast<double>(node.attributes.real("epsilon", 1e-5F));
    const std::size_t channels = scale.size();

    BatchNormSpec spec;
    spec.name = node.name;
    std::vector<double> gain(channels);
    double largest = 0;
    for (std::size_t c = 0; c < channels; ++c) {
        gain[c] = scale[c] / std::sqrt(variance[c] + epsilon);
        spec.bias.push_back(shift[c] - mean[c] * gain[c]);
        largest = std::max(largest, std::abs(gain[c]));
    }
    const auto quantized = matcher_.weights(node.inputs[1], 0, static_cast<std::int64_t>(channels));
    const bool uniform = std::all_of(variance.begin(), variance.end(), [&](double v) { return v == variance[0]; }) &&
                         quantized && std::all_of(quantized->scales.begin(), quantized->scales.end(), [&](double s) {
                             return s == quantized->scales[0];
                         });
    if (uniform) {
        // The model's own int8 gains, one scale for all channels.
        const auto values = quantized->values->data<std::int8_t>();
        spec.weights.assign(values.begin(), values.end());
        spec.weight_scale = quantized->scales[0] / std::sqrt(variance[0] + epsilon);
    } else {
        spec.weight_scale = largest > 0 ? largest / 32767 : 1;
        for (double g : gain) spec.weights.push_back(static_cast<std::int16_t>(std::lround(g / spec.weight_scale)));
    }
    spec.in_grid = pattern.sources[0].grid;
    spec.out_grid = pattern.grid;
    spec.activation = pattern.activation;
    spec.in = refs_.at(pattern.sources[0].value);
    spec.out = out;
    spec.rows = rows(node.outputs[0]);
    return add(make_batchnorm_step(plan_->features, spec));
}

Result<void> Lowering::emit_concat(const Pattern& pattern, PlaneRef out) {
    const Node& node = graph_.node(pattern.node);
    int channel = out.channel;
    const QuantGrid grid = pattern.grid.dtype == DType::int16 ? plane_grid(pattern.sources[0]) : pattern.grid;
    if (grid.dtype == DType::int16) wide_grids_[graph_.node(pattern.quantize).outputs[0]] = grid;
    for (const QuantSource& source : pattern.sources) {
        if (grid.dtype == DType::int16 && plane_grid(source) != grid) {
            return fail(ErrorCode::unsupported,
                        "its 16-bit inputs come out on different grids, since an accumulator is coarser than {}",
                        pattern.grid.scale);
        }
        const PlaneRef in = refs_.at(source.value);
        const PlaneRef slice{out.plane, channel, in.channels};
        channel += in.channels;
        if (in.plane == slice.plane && in.channel == slice.channel) continue;  // written in place
        add_halo(out, node.name);
        OCTET_TRY(
            add(make_copy_step(plan_->features, node.name, rows(source.value), plane_grid(source), in, grid, slice)));
    }
    return {};
}

Result<void> Lowering::emit_resize(const Pattern& pattern, PlaneRef out) {
    const Node& node = graph_.node(pattern.node);
    OCTET_ASSIGN(auto source_y, nearest_sources(graph_, node, 2));
    OCTET_ASSIGN(auto source_x, nearest_sources(graph_, node, 3));
    const QuantGrid grid = plane_grid(pattern.sources[0]);
    if (grid.dtype == DType::int16) wide_grids_[graph_.node(pattern.quantize).outputs[0]] = grid;
    return add(make_resize_step(plan_->features, node.name, std::move(source_y), std::move(source_x),
                                refs_.at(pattern.sources[0].value), out));
}

Result<void> Lowering::emit_lut(const Pattern& pattern, PlaneRef out) {
    const QuantGrid& in = pattern.sources[0].grid;
    Tensor value(DType::float32, {1, 1, 16, 16});
    for (int i = 0; i < 256; ++i) {
        value.mutable_data<float>()[static_cast<std::size_t>(i)] =
            static_cast<float>(i - plane_zero_point(in)) * static_cast<float>(in.scale);
    }
    for (NodeId id : pattern.chain) {
        const Node& node = graph_.node(id);
        std::vector<const Tensor*> arguments;
        for (ValueId input : node.inputs) {
            const Tensor* constant = graph_.constant(input);
            arguments.push_back(input == no_value ? nullptr : constant ? constant : &value);
        }
        OCTET_ASSIGN(auto result, evaluate_node(node, arguments));
        value = result.front().reshaped({1, 1, 16, 16});
    }
    std::vector<std::uint8_t> table;
    for (float y : value.data<float>()) {
        table.push_back(static_cast<std::uint8_t>(kernels::quantize_linear(y, static_cast<float>(pattern.grid.scale),
                                                                           plane_zero_point(pattern.grid), 0, 255)));
    }
    const ValueId result = graph_.node(pattern.quantize).outputs[0];
    const NodeId named = pattern.node == no_node ? pattern.quantize : pattern.node;
    return add(make_lut_step(plan_->features, graph_.node(named).name, rows(result), std::move(table),
                             refs_.at(pattern.sources[0].value), out));
}

Result<void> Lowering::emit_tensor(NodeId id) {
    const Node& node = graph_.node(id);
    const ValueId value = node.outputs[0];
    if (node.op == "DequantizeLinear") {
        const auto source = matcher_.source(value);
        if (source && source->grid.channel_zero_points.empty()) {
            return add(make_dequantize_step(plan_->features, node.name, plane_grid(*source), refs_.at(source->value),
                                            value, shape(value), seam(graph_.is_output(value))));
        }
    }
    if (node.op == "Sigmoid") {
        if (const auto logits = logits_of(node)) {
            const QuantSource& source = logits->source;
            return add(make_sigmoid_step(plan_->features, node.name, plane_grid(source), refs_.at(source.value), value,
                                         shape(value), seam(graph_.is_output(value)), logits->block));
        }
    }
    if (node.op == "Detect" && wide_sources(node)) return emit_detect(node);
    return emit_float(node);
}

Result<void> Lowering::emit_detect(const Node& node) {
    const auto sources = *wide_sources(node);
    const auto strides = node.attributes.reals("strides");
    const auto anchors = node.attributes.reals("anchors");
    const std::size_t per_level = anchors.size() / sources.size();
    std::vector<DetectLevel> levels;
    for (std::size_t i = 0; i < sources.size(); ++i) {
        DetectLevel level;
        level.logits = refs_.at(sources[i].value);
        level.grid = plane_grid(sources[i]);
        level.stride = static_cast<int>(strides[i]);
        level.anchors.assign(anchors.begin() + static_cast<std::ptrdiff_t>(i * per_level),
                             anchors.begin() + static_cast<std::ptrdiff_t>((i + 1) * per_level));
        level.h = static_cast<int>(shape(sources[i].value)[2]);
        level.w = static_cast<int>(shape(sources[i].value)[3]);
        levels.push_back(std::move(level));
    }
    const ValueId value = node.outputs[0];
    const auto classes = static_cast<int>(shape(value)[2]) - 5;
    return add(make_detect_step(plan_->features, node.name, std::move(levels), classes,
                                static_cast<double>(node.attributes.real("box_scale", 1.0F)), value, shape(value),
                                seam(graph_.is_output(value))));
}

Result<void> Lowering::emit_float(const Node& node) {
    const bool constant = std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId v) {
        return v == no_value || graph_.constant(v) || plan_->constants.count(v);
    });
    for (ValueId input : node.inputs) {
        if (const Tensor* tensor = graph_.constant(input)) plan_->constants.emplace(input, *tensor);
    }
    if (!constant) return add(make_float_step(plan_->features, graph_, node));
    std::vector<const Tensor*> arguments;
    for (ValueId input : node.inputs) arguments.push_back(input == no_value ? nullptr : &plan_->constants.at(input));
    OCTET_ASSIGN(auto results, evaluate_node(node, arguments, serial_for, plan_->features));
    for (std::size_t i = 0; i < results.size(); ++i) {
        if (node.outputs[i] != no_value) plan_->constants.insert_or_assign(node.outputs[i], std::move(results[i]));
    }
    return {};
}

}  // namespace octet::engine
