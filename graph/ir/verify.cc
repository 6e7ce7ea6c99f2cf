#include "graph/ir/verify.h"

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace octet {
namespace {

class Verifier {
  public:
    explicit Verifier(const Graph& graph) : graph_(graph) {}

    Result<void> run() const {
        OCTET_TRY(check_values());
        OCTET_TRY(check_nodes());
        OCTET_TRY(check_ports());
        return check_order();
    }

  private:
    bool in_range(ValueId id) const { return id >= 0 && static_cast<std::size_t>(id) < graph_.value_count(); }
    bool live_node(NodeId id) const {
        return id >= 0 && static_cast<std::size_t>(id) < graph_.node_count() && !graph_.node(id).removed;
    }

    Result<void> check_values() const {
        std::unordered_map<std::string_view, ValueId> names;
        for (std::size_t i = 0; i < graph_.value_count(); ++i) {
            const auto id = static_cast<ValueId>(i);
            const Value& v = graph_.value(id);
            if (v.removed) continue;
            if (v.name.empty()) return fail(ErrorCode::invalid_model, "value #{} has no name", id);
            if (!names.emplace(v.name, id).second) {
                return fail(ErrorCode::invalid_model, "two values are called '{}'", v.name);
            }
            if (v.shape) {
                if (auto count = element_count(*v.shape); !count) {
                    return at(fmt::format("value '{}'", v.name), count.error());
                }
            }
            if (v.constant) OCTET_TRY(check_constant(v));
            if (v.producer != no_node) OCTET_TRY(check_producer(id));
        }
        return {};
    }

    static Result<void> check_constant(const Value& v) {
        if (v.producer != no_node) {
            return fail(ErrorCode::invalid_model, "value '{}' is a constant and is also produced by a node", v.name);
        }
        if (v.dtype != v.constant->dtype()) {
            return fail(ErrorCode::invalid_model, "constant '{}' is declared {} but holds {}", v.name,
                        dtype_name(v.dtype), dtype_name(v.constant->dtype()));
        }
        if (v.shape && *v.shape != v.constant->shape()) {
            return fail(ErrorCode::invalid_model, "constant '{}' is declared {} but holds {}", v.name,
                        to_string(*v.shape), to_string(v.constant->shape()));
        }
        return {};
    }

    Result<void> check_producer(ValueId id) const {
        const Value& v = graph_.value(id);
        if (!live_node(v.producer)) {
            return fail(ErrorCode::invalid_model, "the node that produces value '{}' does not exist", v.name);
        }
        for (ValueId output : graph_.node(v.producer).outputs) {
            if (output == id) return {};
        }
        return fail(ErrorCode::invalid_model, "node '{}' does not list value '{}', which names it as its producer",
                    graph_.node(v.producer).name, v.name);
    }

    Result<void> check_nodes() const {
        std::unordered_map<std::string_view, NodeId> names;
        std::vector<NodeId> produced_by(graph_.value_count(), no_node);
        for (std::size_t i = 0; i < graph_.node_count(); ++i) {
            const auto id = static_cast<NodeId>(i);
            const Node& n = graph_.node(id);
            if (n.removed) continue;
            if (n.name.empty()) return fail(ErrorCode::invalid_model, "node #{} ({}) has no name", id, n.op);
            if (!names.emplace(n.name, id).second) {
                return fail(ErrorCode::invalid_model, "two nodes are called '{}'", n.name);
            }
            for (std::size_t k = 0; k < n.inputs.size(); ++k) {
                if (n.inputs[k] != no_value) {
                    OCTET_TRY(check_available(n.inputs[k], fmt::format("{}, input {}", describe(n), k)));
                }
            }
            for (ValueId output : n.outputs) OCTET_TRY(check_output(output, id, produced_by));
        }
        return {};
    }

    Result<void> check_output(ValueId output, NodeId id, std::vector<NodeId>& produced_by) const {
        const Node& n = graph_.node(id);
        if (output == no_value) return {};
        if (!in_range(output) || graph_.value(output).removed) {
            return fail(ErrorCode::invalid_model, "{} produces value #{}, which does not exist", describe(n), output);
        }
        NodeId& first = produced_by[static_cast<std::size_t>(output)];
        if (first != no_node) {
            return fail(ErrorCode::invalid_model, "value '{}' is produced twice, by nodes '{}' and '{}'",
                        graph_.value(output).name, graph_.node(first).name, n.name);
        }
        first = id;
        if (graph_.value(output).producer != id) {
            return fail(ErrorCode::invalid_model, "value '{}' does not name node '{}' as its producer",
                        graph_.value(output).name, n.name);
        }
        return {};
    }

    // The value exists and somebody provides it: a node, the file, or the caller.
    Result<void> check_available(ValueId id, const std::string& reader) const {
        if (!in_range(id)) return fail(ErrorCode::invalid_model, "{}: value #{} does not exist", reader, id);
        const Value& v = graph_.value(id);
        if (v.removed) return fail(ErrorCode::invalid_model, "{}: value '{}' was removed", reader, v.name);
        if (v.producer != no_node || v.constant) return {};
        for (ValueId input : graph_.inputs) {
            if (input == id) return {};
        }
        return fail(ErrorCode::invalid_model,
                    "{}: '{}' is neither a graph input nor an initializer, and no node produces it", reader, v.name);
    }

    Result<void> check_ports() const {
        for (ValueId input : graph_.inputs) {
            if (!in_range(input) || graph_.value(input).removed) {
                return fail(ErrorCode::invalid_model, "graph input #{} does not exist", input);
            }
            if (graph_.value(input).producer != no_node) {
                return fail(ErrorCode::invalid_model, "graph input '{}' is also produced by a node",
                            graph_.value(input).name);
            }
        }
        for (ValueId output : graph_.outputs) OCTET_TRY(check_available(output, "graph output"));
        return {};
    }

    Result<void> check_order() const {
        const std::vector<NodeId> order = graph_.topological_order();
        std::vector<bool> ordered(graph_.node_count(), false);
        for (NodeId id : order) ordered[static_cast<std::size_t>(id)] = true;
        for (std::size_t i = 0; i < ordered.size(); ++i) {
            const Node& n = graph_.node(static_cast<NodeId>(i));
            if (!n.removed && !ordered[i]) {
                return fail(ErrorCode::invalid_model, "{} lies on or behind a cycle", describe(n));
            }
        }
        return {};
    }

    const Graph& graph_;
};

}  // namespace

Result<void> verify(const Graph& graph) {
    return Verifier(graph).run();
}

}  // namespace octet
