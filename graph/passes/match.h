#pragma once

// What pattern matching needs in more than one pass.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/ir/graph.h"

namespace octet::passes {

// Who reads each value; a snapshot, void after a rewrite.
class Uses {
  public:
    explicit Uses(const Graph& graph);

    // Reads by nodes, and one more where the value is a graph output.
    int count(ValueId id) const { return count_.at(static_cast<std::size_t>(id)); }
    // The only reader; no_node when there are several reads or the value is a graph output.
    NodeId sole_reader(ValueId id) const;
    // The nodes that read it, one once for each time it does.
    std::span<const NodeId> readers(ValueId id) const {
        const auto i = static_cast<std::size_t>(id);
        return std::span(readers_).subspan(begin_.at(i), begin_.at(i + 1) - begin_[i]);
    }

  private:
    // One array for all values: a snapshot is taken after every rewrite.
    std::vector<NodeId> readers_;
    std::vector<std::size_t> begin_;  // by value, in readers_; one more at the end
    std::vector<int> count_;
};

// The value of a constant with one floating-point element.
std::optional<float> scalar_of(const Graph& graph, ValueId id);

// The two operands of a node one of which is a scalar constant and the other none. Where the operator does not commute,
// `side` tells 6 / x from x / 6.
struct ScalarOperand {
    ValueId operand;
    float scalar;
    int side;  // of the scalar: 0 left, 1 right
};
std::optional<ScalarOperand> scalar_operand(const Graph& graph, const Node& node);

// The producer when it is an `op`, else nullptr.
const Node* producer_of(const Graph& graph, ValueId id, std::string_view op);

// What stands behind convolutions and has no parameters for single channels.
bool is_plain_activation(std::string_view op);

bool same_shape(const Graph& graph, ValueId a, ValueId b);  // and both known

// The integers attribute, or `count` times `fallback` where it is absent.
std::vector<std::int64_t> integers_or(const Node& node, const std::string& name, std::size_t count,
                                      std::int64_t fallback);

bool all_equal(const std::vector<std::int64_t>& values, std::int64_t wanted);

// Tries rewrite(node id, uses) -> bool on every node, producers first or last. Uses are counted anew and dead nodes
// removed after each success; nodes that a rewrite adds stand for the one it was tried on and are not visited. Returns
// the number of successes.
enum class Order { producers_first, consumers_first };

template <typename Rewrite>
int rewrite_each(Graph& graph, Order order, Rewrite&& rewrite) {
    std::vector<NodeId> nodes = graph.topological_order();
    if (order == Order::consumers_first) std::reverse(nodes.begin(), nodes.end());
    Uses uses(graph);
    int rewrites = 0;
    for (NodeId id : nodes) {
        if (graph.node(id).removed) continue;
        const std::size_t first = graph.node_count();
        const std::string rewritten = describe(graph.node(id));
        if (!rewrite(id, uses)) continue;
        ++rewrites;
        graph.stand_for(first, rewritten);
        graph.remove_dead();
        uses = Uses(graph);
    }
    return rewrites;
}

// A new node produces the value from now on, instead of the node that did; the value keeps its name and its readers.
void produce_instead(Graph& graph, ValueId id, std::string op, std::string_view base_name, std::vector<ValueId> inputs,
                     Attributes attributes = {});

}  // namespace octet::passes
