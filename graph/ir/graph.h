#pragma once

// The engine's intermediate representation: a directed acyclic graph in static single assignment form.
//
//   Value   a tensor: graph input, constant, or output of exactly one node
//   Node    an operator application: inputs -> outputs
//
// Operators are named as in ONNX and have the semantics of opset 21 (the importer translates older forms), plus the
// operators of octet's own in graph/ops/op_list.h. Ids are stable: removing leaves a hole, compact() closes the holes.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "graph/ir/attributes.h"
#include "graph/ir/tensor.h"

namespace octet {

using ValueId = std::int32_t;
using NodeId = std::int32_t;
inline constexpr ValueId no_value = -1;  // an omitted optional input
inline constexpr NodeId no_node = -1;    // the producer of a graph input or of a constant

struct Value {
    std::string name;
    DType dtype = DType::float32;
    std::optional<Shape> shape;  // set by shape inference
    std::optional<Tensor> constant;
    NodeId producer = no_node;
    bool removed = false;
};

struct Node {
    std::string op;                // "Conv", "HardSwish" …
    std::string name;              // unique and never empty: the importer invents "Conv_17" for nameless nodes
    std::vector<ValueId> inputs;   // no_value where an optional input is omitted
    std::vector<ValueId> outputs;  // no_value where an optional output is not asked for
    Attributes attributes;
    bool removed = false;
    std::string stands_for = {};  // "node 'c' (QLinearConv)" of the model file when this is one of those it became
};

// "node 'a' (Add)", in the words of the model file: what an error says.
std::string describe(const Node& node);

class Graph {
  public:
    std::string name;
    std::vector<ValueId> inputs;
    std::vector<ValueId> outputs;
    std::map<std::string, std::string> metadata;  // the model file's key-value properties

    // ---- building
    ValueId add_value(std::string value_name, DType type = DType::float32, std::optional<Shape> shape = std::nullopt);
    ValueId add_constant(std::string value_name, Tensor tensor);
    ValueId add_input(std::string value_name, DType type, Shape shape);
    // Creates one value for each output name.
    NodeId add_node(std::string op, std::string node_name, std::vector<ValueId> node_inputs,
                    std::vector<std::string> output_names, Attributes attributes = {});
    // The same onto values that exist already and have no producer.
    NodeId add_node_onto(std::string op, std::string node_name, std::vector<ValueId> node_inputs,
                         std::vector<ValueId> node_outputs, Attributes attributes = {});
    // `base`, or `base` with a number behind it, such that no other value or node has the name, nor one that was
    // removed since compact(). Names given by assignment to Value::name or Node::name are not seen.
    std::string unique_name(std::string_view base);

    // ---- reading
    std::size_t value_count() const { return values_.size(); }  // holes included
    std::size_t node_count() const { return nodes_.size(); }    // holes included
    Value& value(ValueId id) { return values_.at(static_cast<std::size_t>(id)); }
    const Value& value(ValueId id) const { return values_.at(static_cast<std::size_t>(id)); }
    Node& node(NodeId id) { return nodes_.at(static_cast<std::size_t>(id)); }
    const Node& node(NodeId id) const { return nodes_.at(static_cast<std::size_t>(id)); }
    ValueId find_value(std::string_view value_name) const;  // no_value when there is none
    // Ids of the nodes that remain, every producer before its consumers; shorter than the number of remaining nodes
    // when the graph has a cycle.
    std::vector<NodeId> topological_order() const;
    // For each value the nodes that read it, a node once for each time it does.
    std::vector<std::vector<NodeId>> consumers() const;
    bool is_output(ValueId id) const;
    // nullptr when the value is absent or not constant.
    const Tensor* constant(ValueId id) const {
        return id == no_value || !value(id).constant ? nullptr : &*value(id).constant;
    }
    NodeId producer(ValueId id) const { return id == no_value ? no_node : value(id).producer; }

    // ---- rewriting
    // Every reader of `from` (nodes and graph outputs) reads `to` instead. A graph output keeps its name: when `from`
    // is one, the two values swap names.
    void replace_uses(ValueId from, ValueId to);
    // Removes the node and the values it produces.
    void remove_node(NodeId id);
    // Removes nodes that no output depends on, and constants and values without readers. Returns how many nodes.
    int remove_dead();
    // The nodes added since node_count() was `first` are what a pass or importer made of the one that is described.
    void stand_for(std::size_t first, const std::string& described);
    // Closes the holes; all ids change.
    void compact();

  private:
    std::vector<Value> values_;
    std::vector<Node> nodes_;
    std::unordered_set<std::string> names_;             // of all values and nodes, removed ones included
    std::unordered_map<std::string, int> last_number_;  // by the base of unique_name()
};

}  // namespace octet
