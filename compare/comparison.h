#pragma once

// Why the numbers of two sides differ: each layer computed by the profile from the profile's own tensors (free-running)
// and from the other side's (teacher-forced), and for each that differs all that explains every value of it.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compare/difference.h"
#include "compare/emulation.h"
#include "compare/layer_check.h"
#include "compare/side.h"

namespace octet::compare {

struct Cause {
    std::string id, text;
    std::string where;  // the operator, where the dump has no tensor between several; empty: the layer's own
};

struct Layer {
    Slot slot;
    std::string name;  // as in the manifest
    std::string onnx;  // as in the network
    std::string kind;  // of the operator, as rules are named
    std::string rule;
    Range range;
    Tensors known;           // that the range reads, of the other side
    bool reachable = false;  // all of them are there
    std::int64_t elements = 0;
    std::optional<Difference> free, forced;
    Tensor computed;                        // teacher-forced; kept where it differs
    std::optional<std::string> form;        // words of another reading that makes it right
    bool is_explained = false;              // causes were looked for
    std::vector<Cause> causes;              // that explain all values, the simplest first
    std::optional<std::string> decided_by;  // a vector of octet-vectors that tells all of them apart
    std::optional<Element> first;           // that differs

    bool differs() const { return (forced && forced->differing > 0) || (free && free->differing > 0); }
};

struct Comparison {
    std::vector<Layer> layers;         // of both sides, in the network's order
    std::vector<std::size_t> ranking;  // of those that differ: by teacher-forced differences, ties in network order
    std::size_t missing = 0;           // tensors of the network that the other side has not
    std::vector<std::string> notes;

    bool identical() const { return ranking.empty(); }
    // Layers with a difference of their own.
    std::vector<std::size_t> diverging() const;
};

struct ComparisonOptions {
    bool explains = true;
    std::size_t most_explained = 200;    // layers, the first of the ranking
    const Tensors* reference = nullptr;  // takes the place of the profile's free run
};

// `given`: the network's input, as free_run takes it; empty where there is none, and nothing runs free then.
Result<Comparison> compare_sides(const Emulation& emulation, Side& side, const Tensors& given,
                                 const ComparisonOptions& options = {});

// Every cause that explains a layer, the simplest first.
std::vector<Cause> explain(const Emulation& emulation, const Layer& layer, const Tensor& expected);

}  // namespace octet::compare
