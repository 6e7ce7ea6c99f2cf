#pragma once

// Made inputs and networks of one layer that tell rules apart: ties, powers of two, odd zero points, left shifts,
// accumulators at the edges of each width, all pairs of 8-bit operands.
//
// A convolution's vector has weights of 1 and an input that equals its zero point, so that the accumulator of channel c
// is bias[c] and the scale of the weights is free: acc[c] * (xs * ws[c] / ys).

#include <optional>
#include <string>
#include <vector>

#include "compare/emulation.h"
#include "graph/ir/graph.h"

namespace octet::compare {

struct Cause;

struct Vector {
    std::string name, kind, about;
    Graph graph;                 // float inputs, QuantizeLinear, the layer, QuantizeLinear
    std::vector<Tensor> inputs;  // real values, on the grids
};
std::vector<Vector> make_vectors(const std::string& kind);
// Kinds of operators that there are vectors for.
const std::vector<std::string>& vector_kinds();

// A way to compute a kind of operator: a rule, or a width of the accumulator.
struct Setting {
    std::string id;
    std::function<void(engine::npu_emu::Profile&)> apply;
};
std::vector<Setting> settings(const std::string& kind);

// Two settings, and what tells them apart.
struct Pair {
    std::string kind, a, b;
    std::string vector;                  // that has the most values apart; empty: none has any
    std::int64_t differing = 0, of = 0;  // values of it
    std::int64_t tried = 0;              // values of all vectors that both compute
    std::string proof;                   // why they are equal; empty: none is known
};
struct Matrix {
    std::vector<Pair> pairs;
    std::vector<std::string> notes;  // vectors that a setting cannot compute
};
// Every pair of the settings of a kind.
Result<Matrix> make_matrix(const std::string& kind, const std::vector<Setting>& rules);

// What a setting gives for a vector; nothing where it cannot compute it.
std::optional<Tensor> result_of(const Vector& vector, const Emulation& emulation, const Setting& setting);
// The network of a vector, to be given settings.
Result<std::shared_ptr<const Emulation>> emulation_of(const Vector& vector);

// Few vectors that tell every two of some rules of an operator apart, but for those that are equal; the one that tells
// the most of them apart comes first.
std::vector<std::string> deciding_vectors(const std::string& kind, const std::vector<std::string>& rules);
// The first of them for those of a layer's causes that are rules.
std::optional<std::string> deciding_vector(const std::string& kind, const std::vector<Cause>& causes);

}  // namespace octet::compare
