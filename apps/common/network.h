#pragma once

// The network that a program runs, and what its user is told of it.

#include <memory>
#include <string>
#include <vector>

#include "apps/common/table.h"
#include "engine/backend.h"
#include "engine/program.h"
#include "frontends/load.h"

namespace octet::apps {

// load_executable(), and a notice (cli.h) where layers that the file quantizes run in float, which is slow, and where
// the backend computes something in another form than the file has it.
Result<std::shared_ptr<const engine::Executable>> load_network(const std::string& program, const std::string& model,
                                                               const onnx::ImportOptions& sizes,
                                                               const engine::CompileOptions& compile);

// A row a layer: name, operator, reason.
Table float_layer_table(const std::vector<engine::FloatLayer>& layers);

}  // namespace octet::apps
