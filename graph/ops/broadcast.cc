#include "graph/ops/broadcast.h"

namespace octet::ops {

std::int64_t BroadcastPlan::offset(std::size_t operand, std::int64_t row) const {
    std::int64_t result = 0;
    for (std::size_t d = dims.size() - 1; d-- > 0;) {
        result += row % dims[d] * strides[operand][d];
        row /= dims[d];
    }
    return result;
}

BroadcastPlan plan_broadcast(const Shape& out, std::span<const Shape> operands) {
    BroadcastPlan plan;
    plan.strides.resize(operands.size());
    // The operands' strides in terms of the output's dimensions.
    std::vector<std::vector<std::int64_t>> full(operands.size(), std::vector<std::int64_t>(out.size(), 0));
    for (std::size_t k = 0; k < operands.size(); ++k) {
        const std::vector<std::int64_t> own = strides_of(operands[k]);
        const std::size_t lead = out.size() - operands[k].size();
        for (std::size_t d = 0; d < operands[k].size(); ++d) {
            if (operands[k][d] != 1) full[k][lead + d] = own[d];
        }
    }
    for (std::size_t d = 0; d < out.size(); ++d) {
        if (out[d] == 1) continue;
        bool merge = !plan.dims.empty();
        for (std::size_t k = 0; merge && k < operands.size(); ++k) {
            merge = plan.strides[k].back() == full[k][d] * out[d];
        }
        for (std::size_t k = 0; k < operands.size(); ++k) {
            if (merge) {
                plan.strides[k].back() = full[k][d];
            } else {
                plan.strides[k].push_back(full[k][d]);
            }
        }
        if (merge) {
            plan.dims.back() *= out[d];
        } else {
            plan.dims.push_back(out[d]);
        }
    }
    if (plan.dims.empty()) {
        plan.dims = {1};
        for (auto& strides : plan.strides) strides = {0};
    }
    return plan;
}

Result<TensorType> broadcast_inputs(const InferContext& ctx) {
    TensorType type = *ctx.inputs[0];
    for (std::size_t i = 1; i < ctx.inputs.size(); ++i) {
        OCTET_TRY(expect_same_dtype(ctx, 0, i));
        OCTET_ASSIGN(type.shape, broadcast(type.shape, ctx.inputs[i]->shape));
    }
    return type;
}

}  // namespace octet::ops
