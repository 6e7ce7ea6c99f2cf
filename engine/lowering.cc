#include "engine/lowering.h"

#include <algorithm>

#include "engine/arena.h"
#include "engine/lowering_internal.h"
#include "engine/step_common.h"

namespace octet::engine {

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
    OCTET_TRY(widen_halos());
    for (Plane& plane : plan_->planes) {
        const int element = static_cast<int>(dtype_size(plane.dtype));
        plane.layout =
            kernels::plane_layout(plane.layout.h, plane.layout.w, plane.layout.c, plane.layout.halo, element);
        plane.bytes = static_cast<std::size_t>(plane.layout.elements) * static_cast<std::size_t>(element);
        plane.first_step = -1;
    }
    return {};
}

Result<void> Lowering::widen_halos() {
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
    return {};
}

bool Lowering::has_upsampled_kernel(const Node& conv) const {
    const QuantWeights weights = *matcher_.weights(conv.inputs[1], 0, shape(conv.outputs[0])[1]);
    kernels::ConvParams params = conv_params(conv);
    params.upsampled = true;
    const auto& kernel = kernels::select_conv(plan_->features, params, weights.values->data<std::int8_t>().data());
    return kernel.needs != kernels::needs::reference;
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

Result<std::shared_ptr<const Plan>> make_plan(const Graph& graph, kernels::CpuFeatures features) {
    // A pattern that no integer kernel can compute, for its scales lie too far apart or its sums leave 32 bits, runs in
    // float. That changes what the values around it are needed as, so the plan is begun anew.
    std::set<NodeId> in_float;
    for (;;) {
        Lowering lowering(graph, features, in_float);
        auto plan = lowering.run();
        if (plan || lowering.refused() == no_node) return plan;
        in_float.insert(lowering.refused());
    }
}

}  // namespace octet::engine
