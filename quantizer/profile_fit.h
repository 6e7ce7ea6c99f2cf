#pragma once

// What a chip's profile asks of recipe npu.

#include <string>
#include <vector>

#include "engine/program.h"
#include "graph/ir/graph.h"
#include "graph/quant/quantize_graph.h"

namespace octet::quantizer {

// Sets options.chip to what the profile demands of grids, and adds to options.keep_float the nodes of the prepared
// network that the profile has no rule for or that exceed its limits; those are returned, with the reason. `graph` as
// for quant::prepare_model(). `profile`: a name or a file.
Result<std::vector<engine::FloatLayer>> fit_to_profile(const Graph& graph, const std::string& profile,
                                                       quant::QuantizeOptions& options);

}  // namespace octet::quantizer
