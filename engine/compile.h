#pragma once

// The one way from a graph to something that runs: passes, recognition, backend.

#include <memory>
#include <optional>
#include <string>

#include "engine/backend.h"
#include "graph/ir/graph.h"
#include "kernels/cpu.h"

namespace octet::engine {

struct CompileOptions {
    std::optional<kernels::CpuFeatures> features = std::nullopt;  // that kernels may use; choose_features()
    bool observable = false;      // every tensor can be observed; slower, the same integers
    std::string backend = "cpu";  // or "npu-emu"
    std::string profile = {};     // of npu-emu: a name or a file (engine/npu_emu/profile.h)
};

// Shapes need not be inferred. Errors name the node.
Result<std::shared_ptr<const Executable>> compile(Graph graph, const CompileOptions& options = {});
// For a backend of the caller's.
Result<std::shared_ptr<const Executable>> compile(Graph graph, const Backend& backend);
// The program alone: what runs on integers, and why the rest does not.
Result<Program> to_program(Graph graph, const Backend& backend);

}  // namespace octet::engine
