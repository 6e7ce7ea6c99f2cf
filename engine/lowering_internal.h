#pragma once

// The making of one plan, behind lowering.h: first what every value is needed as and where it lies (lowering.cc), then
// the steps in order (lowering_steps.cc).

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/integer_steps.h"
#include "engine/patterns.h"
#include "engine/plan.h"
#include "engine/upsampling.h"

namespace octet::engine {

class Lowering {
  public:
    // The QuantizeLinear nodes of `in_float` get what they round from float operators.
    Lowering(const Graph& graph, kernels::CpuFeatures features, const std::set<NodeId>& in_float)
        : graph_(graph), in_float_(in_float), matcher_(graph), plan_(std::make_shared<Plan>()) {
        plan_->features = features;
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
    Result<void> widen_halos();  // to what the convolutions read
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

}  // namespace octet::engine
