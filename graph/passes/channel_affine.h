#pragma once

// y[c] = scale[c] · conv(x)[c] + shift[c], written into the convolution's weights and bias.

#include <optional>
#include <span>
#include <vector>

#include "graph/ir/graph.h"
#include "graph/passes/match.h"

namespace octet::passes {

struct ChannelAffine {
    std::vector<double> scale;
    std::vector<double> shift;

    std::size_t channels() const { return scale.size(); }
    ChannelAffine slice(std::size_t begin, std::size_t count) const;
};

// The BatchNormalization in inference: scale = γ / √(σ² + ε), shift = β − μ · scale. Nothing when a parameter is not a
// float32 constant or the node is in training mode.
std::optional<ChannelAffine> affine_of_batchnorm(const Graph& graph, const Node& node);

// Output channels of a Conv or ConvTranspose with constant float32 weights (and bias, if any); 0 for anything else.
std::size_t foldable_channels(const Graph& graph, NodeId conv);

// The convolution that alone makes `id` for a single reader, when its channels can take an affine; else no_node.
NodeId foldable_conv_before(const Graph& graph, const Uses& uses, ValueId id);

// New constants, as others may share the old ones. affine.channels() must equal foldable_channels().
void fold_into_conv(Graph& graph, NodeId conv, const ChannelAffine& affine);

}  // namespace octet::passes
