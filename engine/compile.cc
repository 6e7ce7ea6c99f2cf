#include "engine/compile.h"

#include "engine/cpu/backend.h"
#include "engine/recognize.h"
#include "graph/ops/infer.h"
#include "graph/passes/pass.h"

namespace octet::engine {

Result<Program> to_program(Graph graph, const Backend& backend) {
    OCTET_TRY(optimize(graph));
    // The new nodes stand before their readers, so a chain of movers takes a sweep for each.
    while (hoist_quantize(graph) > 0) OCTET_TRY(infer_shapes(graph));
    return recognize(graph, backend);
}

Result<std::shared_ptr<const Executable>> compile(Graph graph, const Backend& backend) {
    OCTET_ASSIGN(Program program, to_program(std::move(graph), backend));
    return backend.compile(std::move(program));
}

Result<std::shared_ptr<const Executable>> compile(Graph graph, const CompileOptions& options) {
    if (options.features) return compile(std::move(graph), cpu::CpuBackend(*options.features, options.observable));
    const auto features = kernels::choose_features();
    if (!features) return fail(ErrorCode::invalid_argument, "{}", features.error());
    return compile(std::move(graph), cpu::CpuBackend(*features, options.observable));
}

}  // namespace octet::engine
