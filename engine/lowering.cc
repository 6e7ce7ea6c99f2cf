#include "engine/lowering.h"

#include <algorithm>
#include <map>
#include <set>

#include "engine/arena.h"
#include "engine/border_steps.h"
#include "engine/float_step.h"
#include "engine/integer_steps.h"
#include "engine/patterns.h"
#include "engine/step_common.h"
#include "engine/upsampling.h"
#include "graph/ops/evaluator.h"
#include "graph/ops/nearest_sources.h"
#include "graph/ops/op_list.h"
#include "kernels/quantize.h"

namespace octet::engine {
namespace {

using kernels::Isa;

class Lowering {
  public:
    // The QuantizeLinear nodes of `in_float` get what they round from float operators.
    Lowering(const Graph& graph, Isa isa, const std::set<NodeId>& in_float)
        : graph_(graph), in_float_(in_float), matcher_(graph), plan_(std::make_shared<Plan>()) {
        plan_->isa = isa;
    }

    // The QuantizeLinear whose pattern no integer kernel can compute, when run() failed for that reason.
    NodeId refused() const { return refused_; }

    Result<std::shared_ptr<const Plan>> run() {
        order_ = graph_.topological_order();
        OCTET_TRY(describe_ports());
        find_demand();
        OCTET_TRY(place_planes());
        for (NodeId id : order_) {
            const Node& node = graph_.node(id);
            if (auto emitted = emit(id); !emitted) {
                return at(fmt::format("node '{}' ({})", node.name, node.op), std::move(emitted).error());
            }
        }
        finish();
        return std::shared_ptr<const Plan>(std::move(plan_));
    }

  private:
    // What a value is needed as. Values between the nodes of a pattern are needed as neither.
    struct Demand {
        bool plane = false;
        bool tensor = false;
    };

    const Shape& shape(ValueId value) const { return *graph_.value(value).shape; }
    Demand& demand(ValueId value) { return demand_[static_cast<std::size_t>(value)]; }

    Result<void> describe_ports();
    void find_demand();
    void demand_of(NodeId id);
    Result<void> place_planes();
    void finish();

    Result<void> emit(NodeId id);
    Result<void> emit_pattern(const Pattern& pattern);
    Result<void> emit_conv(const Pattern& pattern, PlaneRef out);
    Result<void> emit_batchnorm(const Pattern& pattern, PlaneRef out);
    Result<void> emit_concat(const Pattern& pattern, PlaneRef out);
    Result<void> emit_resize(const Pattern& pattern, PlaneRef out);
    Result<void> emit_lut(const Pattern& pattern, PlaneRef out);
    Result<void> emit_tensor(NodeId id);
    Result<void> emit_detect(const Node& node);
    Result<void> emit_float(const Node& node);
    Result<void> add(StepResult step);
    Result<void> add(std::unique_ptr<Step> step) { return add(StepResult(std::move(step))); }
    void add_halo(PlaneRef ref, const std::string& name);

    kernels::ConvParams conv_params(const Node& node) const;
    bool has_upsampled_kernel(const Node& conv) const;
    PlaneRef add_sums_plane(ValueId pixels, int channels);
    // The sources of a node whose inputs all come from int16 tensors through DequantizeLinear.
    std::optional<std::vector<QuantSource>> wide_sources(const Node& node) const;
    // What a Sigmoid reads when that is an int16 tensor, perhaps through a DepthToSpace.
    struct Logits {
        QuantSource source;
        int block = 1;
    };
    std::optional<Logits> logits_of(const Node& sigmoid) const;
    // The grid of a plane: what the consumer's DequantizeLinear says, but for int16 what the kernel really wrote.
    QuantGrid plane_grid(const QuantSource& source) const {
        const auto it = wide_grids_.find(source.value);
        return it == wide_grids_.end() ? source.grid : it->second;
    }
    int rows(ValueId value) const { return static_cast<int>(shape(value)[2]); }
    // Float seams count as borders only where the network begins or ends.
    Arithmetic seam(bool at_border) const { return at_border ? Arithmetic::border : Arithmetic::floating; }

    const Graph& graph_;
    const std::set<NodeId>& in_float_;
    PatternMatcher matcher_;
    std::shared_ptr<Plan> plan_;
    NodeId refused_ = no_node;
    std::vector<NodeId> order_;
    std::vector<Demand> demand_;
    std::map<NodeId, Pattern> patterns_;
    // By the QuantizeLinear that ends a Conv's pattern.
    std::map<NodeId, UpsampledConcat> upsampled_concats_;
    std::map<NodeId, ValueId> upsampled_inputs_;
    std::map<ValueId, PlaneRef> refs_;
    std::map<ValueId, QuantGrid> wide_grids_;
    std::set<int> halo_filled_;
};

Result<void> Lowering::describe_ports() {
    for (ValueId id : graph_.inputs) {
        const Value& value = graph_.value(id);
        if (!value.shape) return fail(ErrorCode::invalid_model, "input '{}' has no shape", value.name);
        plan_->inputs.push_back({value.name, value.dtype, *value.shape, id, false});
    }
    for (ValueId id : graph_.outputs) {
        const Value& value = graph_.value(id);
        if (!value.shape) return fail(ErrorCode::invalid_model, "output '{}' has no shape", value.name);
        plan_->outputs.push_back({value.name, value.dtype, *value.shape, id, false});
    }
    plan_->metadata = graph_.metadata;
    plan_->tensor_count = graph_.value_count();
    demand_.assign(graph_.value_count(), {});
    return {};
}

std::optional<std::vector<QuantSource>> Lowering::wide_sources(const Node& node) const {
    std::vector<QuantSource> sources;
    for (ValueId input : node.inputs) {
        auto source = matcher_.source(input);
        if (!source || source->grid.dtype != DType::int16) return std::nullopt;
        sources.push_back(std::move(*source));
    }
    return sources;
}

std::optional<Lowering::Logits> Lowering::logits_of(const Node& sigmoid) const {
    const NodeId before = graph_.producer(sigmoid.inputs[0]);
    if (before == no_node) return std::nullopt;
    const Node& node = graph_.node(before);
    const bool rearranged = node.op == "DepthToSpace" && node.attributes.text("mode", "DCR") == "CRD";
    const auto source = matcher_.source(rearranged ? node.inputs[0] : sigmoid.inputs[0]);
    if (!source || source->grid.dtype != DType::int16) return std::nullopt;
    return Logits{*source, rearranged ? static_cast<int>(node.attributes.integer("blocksize", 1)) : 1};
}

void Lowering::find_demand() {
    for (ValueId output : graph_.outputs) demand(output).tensor = true;
    for (auto it = order_.rbegin(); it != order_.rend(); ++it) demand_of(*it);
}

void Lowering::demand_of(NodeId id) {
    const Node& node = graph_.node(id);
    const bool wants_tensor = std::any_of(node.outputs.begin(), node.outputs.end(),
                                          [&](ValueId v) { return v != no_value && demand(v).tensor; });
    if (node.op == "QuantizeLinear" && demand(node.outputs[0]).plane) {
        Pattern pattern = in_float_.count(id) ? matcher_.in_float(id) : *matcher_.match(id);
        if (const auto concat = upsampled_concat(graph_, matcher_, pattern, in_float_)) {
            demand(concat->low).plane = demand(concat->full).plane = true;
            upsampled_concats_.emplace(id, *concat);
        } else if (const auto low = upsampled_input(graph_, matcher_, pattern, in_float_);
                   low && has_upsampled_kernel(graph_.node(pattern.node))) {
            demand(*low).plane = true;
            upsampled_inputs_.emplace(id, *low);
        } else {
            for (const QuantSource& source : pattern.sources) demand(source.value).plane = true;
        }
        if (pattern.residual) demand(pattern.residual->value).plane = true;
        if (pattern.input != no_value) demand(pattern.input).tensor = true;
        patterns_.emplace(id, std::move(pattern));
    }
    if (!wants_tensor) return;
    if (node.op == "DequantizeLinear") {
        if (const auto source = matcher_.source(node.outputs[0]); source && source->grid.channel_zero_points.empty()) {
            demand(source->value).plane = true;
            return;
        }
    }
    if (node.op == "Sigmoid") {
        if (const auto logits = logits_of(node)) {
            demand(logits->source.value).plane = true;
            return;
        }
    }
    if (node.op == "Detect") {
        if (const auto sources = wide_sources(node)) {
            for (const QuantSource& source : *sources) demand(source.value).plane = true;
            return;
        }
    }
    for (ValueId input : node.inputs) {
        if (input != no_value) demand(input).tensor = true;
    }
}

Result<void> Lowering::place_planes() {
    // A Concat comes before its inputs here, so that they find their slices reserved.
    for (auto it = order_.rbegin(); it != order_.rend(); ++it) {
        const auto found = patterns_.find(*it);
        if (found == patterns_.end()) continue;
        const Pattern& pattern = found->second;
        const ValueId value = graph_.node(pattern.quantize).outputs[0];
        const auto channels = static_cast<int>(shape(value)[1]);
        if (!refs_.count(value)) {
            refs_[value] = {static_cast<int>(plan_->planes.size()), 0, channels};
            Plane plane;
            plane.dtype = pattern.grid.dtype == DType::int16 ? DType::int16 : DType::uint8;
            plane.layout.h = rows(value);
            plane.layout.w = static_cast<int>(shape(value)[3]);
            plane.layout.c = channels;
            plan_->planes.push_back(std::move(plane));
        }
        if (pattern.kind != PatternKind::concat) continue;
        const PlaneRef whole = refs_[value];
        int channel = whole.channel;
        for (const QuantSource& source : pattern.sources) {
            const auto source_channels = static_cast<int>(shape(source.value)[1]);
            if (source.grid == pattern.grid && !refs_.count(source.value)) {
                refs_[source.value] = {whole.plane, channel, source_channels};
            }
            channel += source_channels;
        }
    }
    for (const auto& [id, pattern] : patterns_) {
        if (pattern.kind != PatternKind::conv || upsampled_concats_.count(id)) continue;
        const QuantSource& source = pattern.sources[0];
        const auto upsampled = upsampled_inputs_.find(id);
        const bool is_upsampled = upsampled != upsampled_inputs_.end();
        const PlaneRef ref = refs_.at(is_upsampled ? upsampled->second : source.value);
        Plane& plane = plan_->planes[static_cast<std::size_t>(ref.plane)];
        const Node& node = graph_.node(pattern.node);
        const Shape& out = shape(node.outputs[0]);
        kernels::ConvParams params = conv_params(node);
        params.upsampled = is_upsampled;
        const int halo = kernels::conv_halo(params, plane.layout.h, plane.layout.w, static_cast<int>(out[2]),
                                            static_cast<int>(out[3]));
        plane.layout.halo = std::max(plane.layout.halo, halo);
        const std::vector<int>& zero_points = source.grid.channel_zero_points;
        std::vector<std::uint8_t> values =
            zero_points.empty() ? std::vector<std::uint8_t>(1, static_cast<std::uint8_t>(plane_zero_point(source.grid)))
                                : std::vector<std::uint8_t>(zero_points.begin(), zero_points.end());
        if (!plane.halo_values.empty() && plane.halo_values != values) {
            refused_ = pattern.quantize;
            return fail(ErrorCode::unsupported,
                        "node '{}' pads a tensor with another zero point than its neighbour does", node.name);
        }
        plane.halo_values = std::move(values);
    }
    for (Plane& plane : plan_->planes) {
        const int element = static_cast<int>(dtype_size(plane.dtype));
        plane.layout =
            kernels::plane_layout(plane.layout.h, plane.layout.w, plane.layout.c, plane.layout.halo, element);
        plane.bytes = static_cast<std::size_t>(plane.layout.elements) * static_cast<std::size_t>(element);
        plane.first_step = -1;
    }
    return {};
}

bool Lowering::has_upsampled_kernel(const Node& conv) const {
    const QuantWeights weights = *matcher_.weights(conv.inputs[1], 0, shape(conv.outputs[0])[1]);
    kernels::ConvParams params = conv_params(conv);
    params.upsampled = true;
    const auto& kernel = kernels::select_conv(plan_->isa, params, weights.values->data<std::int8_t>().data());
    return kernel.isa != Isa::reference;
}

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

kernels::ConvParams Lowering::conv_params(const Node& node) const {
    const Shape& in = shape(node.inputs[0]);
    const Shape& weights = shape(node.inputs[1]);
    const auto strides = node.attributes.integers("strides", {1, 1});
    const auto pads = node.attributes.integers("pads", {0, 0, 0, 0});
    const auto dilations = node.attributes.integers("dilations", {1, 1});
    kernels::ConvParams params;
    params.kernel_h = static_cast<int>(weights[2]);
    params.kernel_w = static_cast<int>(weights[3]);
    params.stride_h = static_cast<int>(strides[0]);
    params.stride_w = static_cast<int>(strides[1]);
    params.pad_top = static_cast<int>(pads[0]);
    params.pad_left = static_cast<int>(pads[1]);
    params.dilation_h = static_cast<int>(dilations[0]);
    params.dilation_w = static_cast<int>(dilations[1]);
    params.groups = static_cast<int>(node.attributes.integer("group", 1));
    params.cin = static_cast<int>(in[1]);
    params.cout = static_cast<int>(weights[0]);
    return params;
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
            return add(make_add_step(plan_->isa, name, rows(value), pattern.sources[0].grid, in(0),
                                     pattern.sources[1].grid, in(1), pattern.grid, out, pattern.activation));
        case PatternKind::maxpool: {
            const Attributes& attributes = graph_.node(pattern.node).attributes;
            const auto kernel = attributes.integers("kernel_shape");
            const auto strides = attributes.integers("strides", {1, 1});
            const auto pads = attributes.integers("pads", {0, 0, 0, 0});
            const PoolSpec spec{static_cast<int>(kernel[0]),  static_cast<int>(kernel[1]), static_cast<int>(strides[0]),
                                static_cast<int>(strides[1]), static_cast<int>(pads[0]),   static_cast<int>(pads[1])};
            return add(make_maxpool_step(plan_->isa, name, rows(value), spec, in(0), out));
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
            return add(make_pixels_step(plan_->isa, name, pattern.input, std::move(gain), std::move(offset), out));
        }
        case PatternKind::quantize: {
            const bool input =
                std::find(graph_.inputs.begin(), graph_.inputs.end(), pattern.input) != graph_.inputs.end();
            return add(
                make_quantize_step(plan_->isa, name, pattern.input, pattern.grid, out, shape(value), seam(input)));
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
        spec.upsampled = {refs_.at(parts.low), add_sums_plane(parts.low, spec.params.cout), parts.first_channel};
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
    OCTET_ASSIGN(ConvStepResult conv, make_conv_step(plan_->isa, spec));
    if (conv.grid.dtype == DType::int16) wide_grids_[graph_.node(pattern.quantize).outputs[0]] = conv.grid;
    if (conv.upsampled) OCTET_TRY(add(std::move(conv.upsampled)));
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
    return add(make_batchnorm_step(plan_->isa, spec));
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
        OCTET_TRY(add(make_copy_step(plan_->isa, node.name, rows(source.value), plane_grid(source), in, grid, slice)));
    }
    return {};
}

Result<void> Lowering::emit_resize(const Pattern& pattern, PlaneRef out) {
    const Node& node = graph_.node(pattern.node);
    OCTET_ASSIGN(auto source_y, nearest_sources(graph_, node, 2));
    OCTET_ASSIGN(auto source_x, nearest_sources(graph_, node, 3));
    const QuantGrid grid = plane_grid(pattern.sources[0]);
    if (grid.dtype == DType::int16) wide_grids_[graph_.node(pattern.quantize).outputs[0]] = grid;
    return add(make_resize_step(plan_->isa, node.name, std::move(source_y), std::move(source_x),
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
    return add(make_lut_step(plan_->isa, graph_.node(named).name, rows(result), std::move(table),
                             refs_.at(pattern.sources[0].value), out));
}

Result<void> Lowering::emit_tensor(NodeId id) {
    const Node& node = graph_.node(id);
    const ValueId value = node.outputs[0];
    if (node.op == "DequantizeLinear") {
        const auto source = matcher_.source(value);
        if (source && source->grid.channel_zero_points.empty()) {
            return add(make_dequantize_step(plan_->isa, node.name, plane_grid(*source), refs_.at(source->value), value,
                                            shape(value), seam(graph_.is_output(value))));
        }
    }
    if (node.op == "Sigmoid") {
        if (const auto logits = logits_of(node)) {
            const QuantSource& source = logits->source;
            return add(make_sigmoid_step(plan_->isa, node.name, plane_grid(source), refs_.at(source.value), value,
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
    return add(make_detect_step(plan_->isa, node.name, std::move(levels), classes,
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
    if (!constant) return add(make_float_step(graph_, node));
    std::vector<const Tensor*> arguments;
    for (ValueId input : node.inputs) arguments.push_back(input == no_value ? nullptr : &plan_->constants.at(input));
    OCTET_ASSIGN(auto results, evaluate_node(node, arguments));
    for (std::size_t i = 0; i < results.size(); ++i) {
        if (node.outputs[i] != no_value) plan_->constants.insert_or_assign(node.outputs[i], std::move(results[i]));
    }
    return {};
}

void Lowering::finish() {
    // Outputs that are inputs or constants need no step.
    for (ValueId output : graph_.outputs) {
        if (const Tensor* constant = graph_.constant(output)) plan_->constants.emplace(output, *constant);
    }
    std::map<ValueId, std::size_t> last_reader;
    for (std::size_t i = 0; i < plan_->steps.size(); ++i) {
        for (ValueId value : plan_->steps[i]->tensors_read()) {
            if (value != no_value) last_reader[value] = i;
        }
    }
    plan_->dead_after.resize(plan_->steps.size());
    for (const auto& [value, step] : last_reader) {
        if (!graph_.is_output(value) && !plan_->constants.count(value)) plan_->dead_after[step].push_back(value);
    }
    plan_->arena_bytes = assign_offsets(plan_->planes);
}

}  // namespace

Result<std::shared_ptr<const Plan>> make_plan(const Graph& graph, Isa isa) {
    // A pattern that no integer kernel can compute, for its scales lie too far apart or its sums leave 32 bits, runs in
    // float. That changes what the values around it are needed as, so the plan is begun anew.
    std::set<NodeId> in_float;
    for (;;) {
        Lowering lowering(graph, isa, in_float);
        auto plan = lowering.run();
        if (plan || lowering.refused() == no_node) return plan;
        in_float.insert(lowering.refused());
    }
}

}  // namespace octet::engine
