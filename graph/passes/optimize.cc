#include <vector>

#include "graph/ir/verify.h"
#include "graph/ops/infer.h"
#include "graph/passes/pass.h"

namespace octet {
namespace {

// Every pass makes the graph smaller or moves something one way, so that a handful of rounds is enough.
constexpr int max_rounds = 50;

std::vector<Pass> passes_for(const OptimizeOptions& options) {
    std::vector<Pass> list = {
        {"fold_constants", fold_constants}, {"remove_identities", remove_identities},
        {"eliminate_dead", eliminate_dead}, {"wrap_integer_moves", wrap_integer_moves},
        {"fuse_focus", fuse_focus},         {"fuse_hardswish", fuse_hardswish},
        {"fuse_swish", fuse_swish},         {"fuse_detect", fuse_detect},
        {"fold_batchnorm", fold_batchnorm}, {"fold_affine", fold_affine},
    };
    if (options.fold_batchnorm_concat) list.push_back({"fold_batchnorm_concat", fold_batchnorm_concat});
    if (options.focus_to_conv) list.push_back({"focus_to_conv", focus_to_conv});
    if (options.commute_conv_resize) list.push_back({"commute_conv_resize", commute_conv_resize});
    if (options.upsample_conv_to_phases) list.push_back({"upsample_conv_to_phases", upsample_conv_to_phases});
    if (options.maxpool_cascade) list.push_back({"maxpool_cascade", maxpool_cascade});
    return list;
}

Result<void> check(Graph& graph) {
    OCTET_TRY(infer_shapes(graph));
    return verify(graph);
}

}  // namespace

Result<void> optimize(Graph& graph, const OptimizeOptions& options) {
    OCTET_TRY(check(graph));
    const std::vector<Pass> list = passes_for(options);
    bool changed = true;
    for (int round = 0; changed && round < max_rounds; ++round) {
        changed = false;
        for (const Pass& pass : list) {
            if (pass.run(graph) == 0) continue;
            changed = true;
            if (auto valid = check(graph); !valid) return at(fmt::format("pass {}", pass.name), valid.error());
        }
    }
    graph.compact();
    return {};
}

}  // namespace octet
