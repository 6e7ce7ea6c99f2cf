#include "engine/compile.h"

#include "engine/cpu/backend.h"
#include "engine/npu_emu/backend.h"
#include "engine/recognize.h"
#include "graph/ops/infer.h"
#include "graph/passes/pass.h"

namespace octet::engine {

Result<Program> to_program(Graph graph, const Backend& backend) {
    OCTET_TRY(optimize(graph));
    // The new nodes stand before their readers, so a chain of movers takes a sweep for each.
    while (hoist_quantize(graph, backend.requantizes_before_moves()) > 0) OCTET_TRY(infer_shapes(graph));
    return recognize(graph, backend);
}

Result<std::shared_ptr<const Executable>> compile(Graph graph, const Backend& backend) {
    OCTET_ASSIGN(Program program, to_program(std::move(graph), backend));
    return backend.compile(std::move(program));
}

Result<std::shared_ptr<const Executable>> compile(Graph graph, const CompileOptions& options) {
    auto chosen = kernels::choose_features();
    if (options.features) chosen = *options.features;
    if (!chosen) return fail(ErrorCode::invalid_argument, "{}", chosen.error());
    if (options.backend == "cpu" && options.profile.empty())
        return compile(std::move(graph), cpu::CpuBackend(*chosen, options.observable));
    if (options.backend != "npu-emu")
        return fail(ErrorCode::conflict, "the backend '{}' has no profiles; npu-emu has", options.backend);
    if (options.profile.empty()) return fail(ErrorCode::conflict, "the backend npu-emu needs a profile (--profile)");
    OCTET_ASSIGN(npu_emu::Profile profile, npu_emu::load_profile(options.profile));
    return compile(std::move(graph), npu_emu::NpuBackend(std::move(profile), *chosen));
}

}  // namespace octet::engine
