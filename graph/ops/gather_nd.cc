// Slices of the data at the coordinates in the last dimension of the indices; the first batch_dims dimensions of both
// run together.

#include <cstring>

#include "graph/ops/check.h"
#include "graph/ops/indices.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

Result<void> infer_gather_nd(InferContext& ctx) {
    OCTET_TRY(expect_integer(ctx, 1));
    const Shape& data = ctx.inputs[0]->shape;
    const Shape& indices = ctx.inputs[1]->shape;
    const std::int64_t batch = ctx.node.attributes.integer("batch_dims", 0);
    const auto rank = static_cast<std::int64_t>(data.size());
    const bool fits = batch >= 0 && batch < rank && batch < static_cast<std::int64_t>(indices.size()) &&
                      indices.back() >= 0 && indices.back() <= rank - batch &&
                      std::equal(data.begin(), data.begin() + batch, indices.begin());
    if (!fits) {
        return fail(ErrorCode::invalid_model, "indices {} with {} batch dimensions do not fit data {}",
                    to_string(indices), batch, to_string(data));
    }
    Shape shape(indices.begin(), indices.end() - 1);
    shape.insert(shape.end(), data.begin() + batch + indices.back(), data.end());
    ctx.outputs[0] = {ctx.inputs[0]->dtype, std::move(shape)};
    return {};
}

Result<void> evaluate_gather_nd(EvalContext& ctx) {
    const Tensor& data = *ctx.inputs[0];
    const Tensor& indices = *ctx.inputs[1];
    const auto batch_dims = static_cast<std::size_t>(ctx.node.attributes.integer("batch_dims", 0));
    OCTET_ASSIGN(const std::vector<std::int64_t> offsets, slice_offsets(data.shape(), indices, batch_dims));
    Tensor& y = ctx.make_output();
    if (offsets.empty()) return {};
    const std::int64_t batches = product(data.shape(), 0, batch_dims);
    const std::int64_t per_batch = static_cast<std::int64_t>(offsets.size()) / batches;
    const std::int64_t batch_size = data.size() / batches;
    const std::int64_t slice = y.size() / static_cast<std::int64_t>(offsets.size());
    dispatch_size(data.dtype(), [&]<typename T>() {
        const T* in = elements<T>(data);
        T* out = mutable_elements<T>(y);
        for (std::int64_t i = 0; i < static_cast<std::int64_t>(offsets.size()); ++i) {
            std::copy_n(in + i / per_batch * batch_size + offsets[static_cast<std::size_t>(i)], slice, out + i * slice);
        }
    });
    return {};
}

}  // namespace

extern constinit const OpDef op_gather_nd = {.name = "GatherND",
                                             .min_inputs = 2,
                                             .max_inputs = 2,
                                             .infer = infer_gather_nd,
                                             .evaluate = evaluate_gather_nd,
                                             .quant = QuantRule::pass_through};

}  // namespace octet::ops
