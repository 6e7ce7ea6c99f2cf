#include "graph/quant/grid_plan.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <string_view>

#include "base/did_you_mean.h"
#include "graph/ops/resize_sources.h"
#include "graph/quant/forms.h"

namespace octet::quant {
namespace {

// Products of int16 activations and int8 weights that an int32 surely holds: 2^31 / (2^15 · 127).
constexpr std::int64_t most_wide_products = 516;

enum class Role { float_only, compute, activation, pass_through };

class Planner {
  public:
    Planner(const Graph& graph, const std::optional<PixelInput>& pixel, const GridPlanOptions& options)
        : graph_(graph),
          pixel_(pixel),
          options_(options),
          order_(graph.topological_order()),
          consumers_(graph.consumers()),
          role_(graph.node_count(), Role::float_only),
          internal_(graph.value_count(), false),
          position_(graph.node_count(), 0) {
        for (std::size_t i = 0; i < order_.size(); ++i) position_[index(order_[i])] = i;
    }

    Result<GridPlan> run() {
        OCTET_TRY(check_names(options_.keep_float, "--keep-float"));
        OCTET_TRY(check_names(options_.keep_int16, "--keep-int16"));
        assign_roles();
        if (!separate()) prune_curved();
        if (fused()) fuse();
        if (stored()) clamp();
        prune();
        if (fused()) join_tables();
        GridPlan plan = group();
        for (const GridGroup& group : plan.groups) {
            if (group.kind == GridKind::wide && !group.wide_obstacle.empty()) {
                return fail(ErrorCode::invalid_argument, "--keep-int16: '{}' cannot have 16 bits: {}",
                            graph_.value(group.values.front()).name, group.wide_obstacle);
            }
        }
        return plan;
    }

  private:
    static std::size_t index(std::int32_t id) { return static_cast<std::size_t>(id); }

    bool fused() const { return options_.style == GridStyle::fused; }
    bool separate() const { return options_.style == GridStyle::separate; }
    bool stored() const { return options_.style == GridStyle::stored; }

    Result<void> check_names(const std::set<std::string>& names, std::string_view option) const {
        for (const std::string& name : names) {
            const bool known =
                std::any_of(order_.begin(), order_.end(), [&](NodeId id) { return graph_.node(id).name == name; });
            if (!known) {
                return fail(ErrorCode::invalid_argument,
                            "{} {}: the optimized graph has no node of this name (the report lists them){}", option,
                            name, did_you_mean(name, node_names()));
            }
        }
        return {};
    }

    std::vector<std::string> node_names() const {
        std::vector<std::string> names;
        for (const NodeId id : order_) names.push_back(graph_.node(id).name);
        return names;
    }

    bool is_float_activation(ValueId id) const {
        return id != no_value && !graph_.constant(id) && graph_.value(id).dtype == DType::float32;
    }

    Role role_of(const Node& node) const {
        const std::vector<ValueId> data = activation_inputs(graph_, node);
        if (data.empty() || node.outputs.empty() || options_.keep_float.count(node.name)) return Role::float_only;
        if (!std::all_of(data.begin(), data.end(), [&](ValueId id) { return is_float_activation(id); })) {
            return Role::float_only;
        }
        // The reference style rounds sigmoids and boxes of the heads too, and no other operator without a fused form.
        if (separate() && (node.op == "Sigmoid" || node.op == "Detect")) return Role::compute;
        if (has_constant_operand(graph_, node)) {
            // A network's input is rounded once, behind its preprocessing.
            const bool preprocesses = graph_.producer(data[0]) == no_node;
            return !separate() && !preprocesses ? Role::activation : Role::float_only;
        }
        if (requantizes(node)) return Role::activation;
        if (channel_gain(graph_, node)) return is_fused_gain(node) ? Role::activation : Role::float_only;
        if (form_obstacle(graph_, node)) return Role::float_only;
        switch (integer_form(node.op).kind) {
            case FormKind::none:
                return Role::float_only;
            case FormKind::convolution:
            case FormKind::normalization:
            case FormKind::sum:
            case FormKind::product:
            case FormKind::mean:
                return Role::compute;
            case FormKind::copy:
                return Role::pass_through;
            case FormKind::unary:
                return !separate() || integer_form(node.op).fuses ? Role::activation : Role::float_only;
        }
        return Role::float_only;
    }

    bool integer_source(ValueId id) const {
        const NodeId producer = graph_.producer(id);
        if (producer == no_node || (pixel_ && id == pixel_->centred)) return true;
        return role_[index(producer)] != Role::float_only;
    }

    void assign_roles() {
        for (const NodeId id : order_) {
            const Node& node = graph_.node(id);
            Role role = role_of(node);
            // Only what adds up is worth a conversion from float; the rest follows its input.
            const FormKind kind = integer_form(node.op).kind;
            if (role == Role::pass_through || role == Role::activation || kind == FormKind::product ||
                kind == FormKind::mean) {
                const auto data = activation_inputs(graph_, node);
                const bool follows =
                    std::all_of(data.begin(), data.end(), [&](ValueId v) { return integer_source(v); });
                if (!follows) role = Role::float_only;
            }
            role_[index(id)] = role;
        }
    }

    bool only_reader(ValueId value) const { return consumers_[index(value)].size() == 1 && !graph_.is_output(value); }

    // A convolution's result, or that of the activation fused to it, which nothing but one node reads.
    bool fusible(ValueId value) const {
        const NodeId producer = graph_.producer(value);
        if (producer == no_node || !only_reader(value)) return false;
        const Node& node = graph_.node(producer);
        if (role_[index(producer)] == Role::activation) {
            return is_fused(node);
        }
        return is_convolution(node) && role_[index(producer)] == Role::compute;
    }

    void fuse() {
        for (const NodeId id : order_) {
            const Node& node = graph_.node(id);
            if (role_[index(id)] == Role::activation) {
                const ValueId input = node.inputs[0];
                const NodeId producer = graph_.producer(input);
                const bool weighted =
                    producer != no_node && role_[index(producer)] == Role::compute &&
                    (is_convolution(graph_.node(producer)) || is_normalization(graph_.node(producer)));
                if (integer_form(node.op).fuses && weighted && only_reader(input)) internal_[index(input)] = true;
                const bool rectified_sum = node.op == "Relu" && producer != no_node && only_reader(input) &&
                                           graph_.node(producer).op == "Add" && role_[index(producer)] == Role::compute;
                if (rectified_sum) internal_[index(input)] = true;
            }
            if (node.op == "Add" && role_[index(id)] == Role::compute && node.inputs[0] != node.inputs[1] &&
                graph_.value(node.inputs[0]).shape == graph_.value(node.inputs[1]).shape) {
                std::vector<ValueId> operands = node.inputs;
                std::sort(operands.begin(), operands.end(), [&](ValueId a, ValueId b) { return place(a) > place(b); });
                const auto fused =
                    std::find_if(operands.begin(), operands.end(), [&](ValueId v) { return fusible(v); });
                if (fused != operands.end()) internal_[index(*fused)] = true;
            }
        }
    }

    // GridStyle::stored: what is computed by where a result is clamped.
    void clamp() {
        for (const NodeId id : order_) {
            const Node& node = graph_.node(id);
            if (role_[index(id)] != Role::activation || (node.op != "Relu" && node.op != "Clip")) continue;
            const NodeId producer = graph_.producer(node.inputs[0]);
            if (producer == no_node || role_[index(producer)] != Role::compute || !only_reader(node.inputs[0]))
                continue;
            const Node& before = graph_.node(producer);
            if (is_convolution(before) || (before.op == "Add" && node.op == "Relu"))
                internal_[index(node.inputs[0])] = true;
        }
    }

    // Between 8 bits and a convolution that takes 16.
    bool requantizes(const Node& node) const {
        if (!stored() || node.op != "Identity") return false;
        const auto& readers = consumers_[index(node.outputs[0])];
        const NodeId producer = graph_.producer(node.inputs[0]);
        const bool wide = producer != no_node && options_.keep_int16.count(graph_.node(producer).name);
        return !wide && readers.size() == 1 && options_.keep_int16.count(graph_.node(readers[0]).name);
    }

    // TensorFlow Lite fixes it.
    bool has_fixed_grid(ValueId value) const {
        const NodeId producer = graph_.producer(value);
        if (!stored() || !options_.fixed_sigmoid || producer == no_node) return false;
        return graph_.node(producer).op == "Sigmoid" || graph_.node(producer).op == "Tanh";
    }

    // The Swish is a convolution's, and nothing but the gain reads it.
    bool is_fused_gain(const Node& node) const {
        const auto gain = channel_gain(graph_, node);
        if (!fused() || !gain || !only_reader(gain->swish)) return false;
        const ValueId x = graph_.node(graph_.producer(gain->swish)).inputs[0];
        const NodeId layer = graph_.producer(x);
        return layer != no_node && only_reader(x) && is_convolution(graph_.node(layer)) &&
               role_[index(layer)] == Role::compute;
    }

    // One table for activations behind each other, and one curve for arithmetic behind a layer's activation.
    void join_tables() {
        std::vector<bool> table(graph_.node_count(), false), fused(table);
        for (const NodeId id : order_) {
            const Node& node = graph_.node(id);
            if (role_[index(id)] != Role::activation || node.op == "PRelu") continue;  // its slopes may differ
            const ValueId input = activation_inputs(graph_, node)[0];
            const NodeId producer = graph_.producer(input);
            table[index(id)] = !internal_[index(input)];
            if (producer == no_node) continue;
            const Node& before = graph_.node(producer);
            fused[index(id)] = internal_[index(input)] && (is_convolution(before) || is_normalization(before));
            if (!only_reader(input)) continue;
            const bool curve =
                fused[index(producer)] && (has_constant_operand(graph_, node) || channel_gain(graph_, node));
            if (curve || (table[index(id)] && table[index(producer)])) internal_[index(input)] = true;
            if (!curve) continue;
            table[index(id)] = false;
            fused[index(id)] = true;
        }
    }

    // Into the convolution before it.
    bool is_fused(const Node& node) const {
        return internal_[index(node.inputs[0])] && is_convolution(graph_.node(graph_.producer(node.inputs[0])));
    }

    std::size_t place(ValueId value) const {
        const NodeId producer = graph_.producer(value);
        return producer == no_node ? 0 : position_[index(producer)] + 1;
    }

    // Curved activations at the end of the network stay float, with the copies behind them: heads keep 16 bits.
    void prune_curved() {
        for (auto it = order_.rbegin(); it != order_.rend(); ++it) {
            const Node& node = graph_.node(*it);
            Role& role = role_[index(*it)];
            const bool curved =
                role == Role::activation && (integer_form(node.op).curved || has_constant_operand(graph_, node));
            if (curved && !computation_reads(node)) role = Role::float_only;
        }
    }

    bool computation_reads(const Node& node) const {
        return std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId output) {
            if (output == no_value) return false;
            const auto& readers = consumers_[index(output)];
            return std::any_of(readers.begin(), readers.end(), [&](NodeId reader) {
                const Role role = role_[index(reader)];
                if (role == Role::compute) return true;
                return role != Role::float_only && computation_reads(graph_.node(reader));
            });
        });
    }

    // Copies and lone activations that no computation reads stay float: the value before them is the head.
    void prune() {
        if (separate()) return;
        for (auto it = order_.rbegin(); it != order_.rend(); ++it) {
            const Node& node = graph_.node(*it);
            const Role role = role_[index(*it)];
            const bool lone_activation = role == Role::activation && !internal_[index(node.inputs[0])];
            if (role == Role::float_only || (stored() && !ends_chip(node, role)) ||
                (fused() && role != Role::pass_through && !lone_activation)) {
                continue;
            }
            const bool read = std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId output) {
                return output != no_value && read_as_integer(output);
            });
            if (read) continue;
            role_[index(*it)] = Role::float_only;
            if (role == Role::activation) internal_[index(node.inputs[0])] = false;
        }
    }

    // GridStyle::stored: a chip's part ends with convolutions and the activation behind them. Whatever else no integer
    // operator reads is the CPU's, such as the decode of boxes; the activation too where 16 bits stand in front of it.
    bool ends_chip(const Node& node, Role role) const {
        if (is_convolution(node)) return false;
        if (role != Role::activation) return true;
        const NodeId producer = graph_.producer(node.inputs[0]);
        return producer == no_node || has_constant_operand(graph_, node) || !is_convolution(graph_.node(producer)) ||
               options_.keep_int16.count(graph_.node(producer).name);
    }

    bool read_as_integer(ValueId value) const {
        const auto& readers = consumers_[index(value)];
        return std::any_of(readers.begin(), readers.end(),
                           [&](NodeId reader) { return role_[index(reader)] != Role::float_only; });
    }

    std::size_t root(std::size_t value) {
        while (parent_[value] != value) value = parent_[value] = parent_[parent_[value]];
        return value;
    }

    void unite(ValueId a, ValueId b) { parent_[root(index(a))] = root(index(b)); }

    GridPlan group() {
        std::vector<bool> gridded(graph_.value_count(), false);
        parent_.resize(graph_.value_count());
        std::iota(parent_.begin(), parent_.end(), std::size_t{0});
        for (const NodeId id : order_) {
            if (role_[index(id)] == Role::float_only) continue;
            const Node& node = graph_.node(id);
            const auto data = activation_inputs(graph_, node);
            for (const ValueId input : data) gridded[index(input)] = !internal_[index(input)];
            for (const ValueId output : node.outputs) {
                if (is_float_activation(output)) gridded[index(output)] = !internal_[index(output)];
            }
            const bool own_grid = separate() && node.op == "Concat";
            const bool averages = stored() && integer_form(node.op).kind == FormKind::mean;
            if ((role_[index(id)] != Role::pass_through && !averages) || own_grid) continue;
            for (const ValueId input : data) {
                if (data.size() == 1 || !has_fixed_grid(input)) unite(input, node.outputs[0]);
            }
            for (const ValueId output : node.outputs) unite(output, node.outputs[0]);
        }
        if (pixel_) {
            if (pixel_->centre != no_node) gridded[index(pixel_->centred)] = false;
            gridded[index(pixel_->pixels)] = true;
        }
        return collect(gridded);
    }

    GridPlan collect(const std::vector<bool>& gridded) {
        GridPlan plan;
        plan.group_of.assign(graph_.value_count(), GridPlan::none);
        plan.integer.resize(graph_.node_count());
        for (const NodeId id : order_) plan.integer[index(id)] = role_[index(id)] != Role::float_only;
        std::map<std::size_t, int> group_of_root;
        for (std::size_t v = 0; v < gridded.size(); ++v) {
            if (!gridded[v]) continue;
            const auto value = static_cast<ValueId>(v);
            const auto [it, is_new] = group_of_root.emplace(root(v), static_cast<int>(plan.groups.size()));
            if (is_new) plan.groups.emplace_back();
            plan.group_of[v] = it->second;
            GridGroup& group = plan.groups[index(it->second)];
            group.values.push_back(value);
            if (!is_copy(value)) group.sources.push_back(value);
        }
        for (GridGroup& group : plan.groups) {
            group.kind = kind_of(group);
            group.wide_obstacle = wide_obstacle(group);
            if (group.kind == GridKind::head && !group.wide_obstacle.empty()) group.kind = GridKind::activation;
        }
        return plan;
    }

    static std::string named(const Node& node, std::string_view why) { return describe(node) + " " + std::string(why); }

    std::string wide_obstacle(const GridGroup& group) const {
        for (const ValueId value : group.values) {
            const NodeId producer = graph_.producer(value);
            if (producer == no_node || group.kind == GridKind::pixels) return "it holds the network's input";
            const Node& node = graph_.node(producer);
            const bool after_conv = role_[index(producer)] == Role::activation && is_fused(node);
            if (!is_convolution(node) && !after_conv && !copies_wide(node) && node.op != "Identity") {
                return named(node, "has no form that writes 16 bits");
            }
            for (const NodeId reader : consumers_[index(value)]) {
                const Node& to = graph_.node(reader);
                if (role_[index(reader)] == Role::float_only || copies_wide(to) || to.op == "Identity") continue;
                if (stored() && role_[index(reader)] == Role::activation && !computation_reads(to))
                    continue;  // prune()
                if (stored() && !options_.keep_int16.count(to.name)) {
                    return named(to, "reads it in 8 bits: 16 are stored for heads and the layers in front of them");
                }
                if (!is_convolution(to)) return named(to, "has no form that reads 16 bits");
                const Tensor& weights = *graph_.constant(to.inputs[1]);
                if (weights.size() / weights.shape()[0] > most_wide_products) {
                    return named(to, "adds up too many products of 16 and 8 bits for its 32-bit accumulators");
                }
            }
        }
        return {};
    }

    static bool is_convolution(const Node& node) { return integer_form(node.op).kind == FormKind::convolution; }

    static bool is_normalization(const Node& node) { return integer_form(node.op).kind == FormKind::normalization; }

    static bool copies_wide(const Node& node) {
        const IntegerForm form = integer_form(node.op);
        return form.kind == FormKind::copy && form.wide && !interpolates_linearly(node);
    }

    bool is_copy(ValueId value) const {
        const NodeId producer = graph_.producer(value);
        if (producer == no_node || role_[index(producer)] != Role::pass_through) return false;
        const Node& node = graph_.node(producer);
        if (node.op != "Concat") return true;
        const bool requantizes_some =
            node.inputs.size() > 1 &&
            std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId v) { return has_fixed_grid(v); });
        return !separate() && !requantizes_some;
    }

    GridKind kind_of(const GridGroup& group) const {
        if (pixel_ && group.values.front() == pixel_->pixels) return GridKind::pixels;
        const auto wanted_wide = [&](ValueId value) {
            const NodeId producer = graph_.producer(value);
            return producer != no_node && (chain_is_named(producer) || requantizes(graph_.node(producer)));
        };
        if (std::any_of(group.values.begin(), group.values.end(), wanted_wide)) return GridKind::wide;
        if (group.sources.size() == 1 && has_fixed_grid(group.sources[0])) {
            const Node& source = graph_.node(graph_.producer(group.sources[0]));
            return source.op == "Tanh" ? GridKind::tanh : GridKind::sigmoid;
        }
        const auto is_head = [&](ValueId value) {
            const NodeId producer = graph_.producer(value);
            return producer != no_node && role_[index(producer)] != Role::float_only && !read_as_integer(value);
        };
        const bool head = fused() && std::all_of(group.values.begin(), group.values.end(), is_head);
        return head ? GridKind::head : GridKind::activation;
    }

    // The node or one fused before it was named in keep_int16.
    bool chain_is_named(NodeId id) const {
        const Node& node = graph_.node(id);
        if (options_.keep_int16.count(node.name)) return true;
        return std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId input) {
            return input != no_value && internal_[index(input)] && chain_is_named(graph_.producer(input));
        });
    }

    const Graph& graph_;
    const std::optional<PixelInput>& pixel_;
    const GridPlanOptions& options_;
    std::vector<NodeId> order_;
    std::vector<std::vector<NodeId>> consumers_;
    std::vector<Role> role_;
    std::vector<bool> internal_;
    std::vector<std::size_t> position_;
    std::vector<std::size_t> parent_;
};

}  // namespace

GridReaders readers_of(const Graph& graph, const GridPlan& plan, const std::vector<std::vector<NodeId>>& consumers,
                       ValueId value) {
    const GridGroup& group = *plan.group(value);
    const auto is_copy = [&](ValueId output) {
        const bool computed = std::find(group.sources.begin(), group.sources.end(), output) != group.sources.end();
        return output != no_value && plan.group(output) == &group && !computed;
    };
    GridReaders readers{{}, graph.is_output(value)};
    for (const NodeId id : consumers[static_cast<std::size_t>(value)]) {
        const Node& node = graph.node(id);
        if (std::all_of(node.outputs.begin(), node.outputs.end(), is_copy)) continue;
        if (node.op == "Conv" && node.inputs[0] == value && plan.integer[static_cast<std::size_t>(id)] &&
            graph.constant(node.inputs[1])) {
            readers.convolutions.push_back(id);
        } else {
            readers.others = true;
        }
    }
    return readers;
}

Result<GridPlan> plan_grids(const Graph& graph, const std::optional<PixelInput>& pixel,
                            const GridPlanOptions& options) {
    return Planner(graph, pixel, options).run();
}

}  // namespace octet::quant
