// Largest element of each window; padding never wins. A window that lies in the padding alone gives the lowest value.

#include <limits>

#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"
#include "graph/ops/window.h"

namespace octet::ops {
namespace {

Result<void> infer_max_pool(InferContext& ctx) {
    const TensorType& x = *ctx.inputs[0];
    if (!is_floating(x.dtype) && !is_byte(x.dtype)) {
        return fail(ErrorCode::unsupported, "input 0 is {}, but has to be floating or 8-bit", dtype_name(x.dtype));
    }
    OCTET_ASSIGN(const Window window, pool_window(ctx.node, x.shape));
    ctx.outputs[0] = {x.dtype, window.output_shape(x.shape, x.shape[1])};
    if (ctx.outputs.size() > 1) ctx.outputs[1] = {DType::int64, ctx.outputs[0].shape};
    return {};
}

// Input positions first, first + dilation … that one output coordinate reads along one dimension.
struct Taps {
    std::int64_t begin, end;
};
Taps taps_inside(const Window& w, std::size_t d, std::int64_t out) {
    const std::int64_t origin = out * w.stride[d] - w.pad_begin[d];
    const std::int64_t skipped = origin >= 0 ? 0 : (-origin + w.dilation[d] - 1) / w.dilation[d];
    const std::int64_t end = std::min(w.in[d], origin + w.dilation[d] * (w.kernel[d] - 1) + 1);
    return {origin + skipped * w.dilation[d], end};
}

// `indices` may be nullptr; they are positions in the whole input, row- or column-major within the plane.
template <typename T>
void pool_plane(const Window& w, const T* in, T* out, std::int64_t* indices, std::int64_t base, bool column_major) {
    for (std::int64_t od = 0; od < w.out[0]; ++od) {
        const Taps depth = taps_inside(w, 0, od);
        for (std::int64_t oh = 0; oh < w.out[1]; ++oh) {
            const Taps height = taps_inside(w, 1, oh);
            for (std::int64_t ow = 0; ow < w.out[2]; ++ow) {
                const Taps width = taps_inside(w, 2, ow);
                T best = std::numeric_limits<T>::lowest();
                Extent where = {depth.begin, height.begin, width.begin};
                for (std::int64_t d = depth.begin; d < depth.end; d += w.dilation[0]) {
                    for (std::int64_t h = height.begin; h < height.end; h += w.dilation[1]) {
                        const T* row = in + (d * w.in[1] + h) * w.in[2];
                        for (std::int64_t x = width.begin; x < width.end; x += w.dilation[2]) {
                            if (row[x] > best) {
                                best = row[x];
                                where = {d, h, x};
                            }
                        }
                    }
                }
                *out++ = best;
                if (!indices) continue;
                *indices++ = base + (column_major ? (where[2] * w.in[1] + where[1]) * w.in[0] + where[0]
                                                  : (where[0] * w.in[1] + where[1]) * w.in[2] + where[2]);
            }
        }
    }
}

Result<void> evaluate_max_pool(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    OCTET_ASSIGN(const Window window, pool_window(ctx.node, x.shape()));
    Tensor& y = ctx.make_output();
    std::int64_t* indices = ctx.wants_output(1) ? ctx.make_output(1).mutable_data<std::int64_t>().data() : nullptr;
    const bool column_major = ctx.node.attributes.integer("storage_order", 0) != 0;
    dispatch_numeric(x.dtype(), [&]<typename T>() {
        const T* in = elements<T>(x);
        T* out = mutable_elements<T>(y);
        ctx.parallel_for(x.shape()[0] * x.shape()[1], [&](std::int64_t plane) {
            pool_plane(window, in + plane * window.in_size(), out + plane * window.out_size(),
                       indices ? indices + plane * window.out_size() : nullptr, plane * window.in_size(), column_major);
        });
    });
    return {};
}

}  // namespace

extern constinit const OpDef op_max_pool = {.name = "MaxPool",
                                            .min_inputs = 1,
                                            .max_inputs = 1,
                                            .max_outputs = 2,
                                            .infer = infer_max_pool,
                                            .resolve = resolve_pool,
                                            .evaluate = evaluate_max_pool,
                                            .quant = QuantRule::pass_through};

}  // namespace octet::ops
