// Reductions over axes: all of them by default, none when noop_with_empty_axes says so.

#include <cmath>
#include <limits>

#include "graph/ir/arithmetic.h"
#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"
#include "graph/ops/strided_copy.h"

namespace octet::ops {
namespace {

// Which dimensions are reduced.
Result<std::vector<bool>> reduced_dimensions(const Node& node, std::size_t rank,
                                             const std::vector<std::int64_t>& given) {
    std::vector<bool> reduced(rank, false);
    if (given.empty()) {
        reduced.assign(rank, node.attributes.integer("noop_with_empty_axes", 0) == 0);
        return reduced;
    }
    OCTET_ASSIGN(const auto axes, normalize_axes(given, static_cast<std::int64_t>(rank)));
    for (std::int64_t axis : axes) reduced[static_cast<std::size_t>(axis)] = true;
    return reduced;
}

Result<void> infer_reduce(InferContext& ctx) {
    OCTET_TRY(expect_numeric(ctx, 0));
    const Shape& in = ctx.inputs[0]->shape;
    std::vector<std::int64_t> axes;
    if (ctx.input(1)) {
        OCTET_ASSIGN(axes, known_integers(ctx, 1, "the axes"));
    }
    OCTET_ASSIGN(const auto reduced, reduced_dimensions(ctx.node, in.size(), axes));
    const bool keep = ctx.node.attributes.integer("keepdims", 1) != 0;
    Shape shape;
    for (std::size_t d = 0; d < in.size(); ++d) {
        if (!reduced[d]) shape.push_back(in[d]);
        if (reduced[d] && keep) shape.push_back(1);
    }
    ctx.outputs[0] = {ctx.inputs[0]->dtype, std::move(shape)};
    return {};
}

Result<void> infer_reduce_floating(InferContext& ctx) {
    OCTET_TRY(expect_floating(ctx, 0));
    return infer_reduce(ctx);
}

// ---- what is computed from `count` consecutive elements

// Floats are summed in double; integers wrap around in 64 bits.
template <typename T>
using Sum = Wrapping<std::conditional_t<std::is_integral_v<T>, T, double>>;

template <typename S, typename T, typename F>
S sum_of(const T* x, std::int64_t count, F f) {
    S sum = 0;
    for (std::int64_t i = 0; i < count; ++i) sum += f(static_cast<S>(x[i]));
    return sum;
}

struct ReduceSum {
    template <typename T>
    T operator()(const T* x, std::int64_t count) const {
        return static_cast<T>(sum_of<Sum<T>>(x, count, [](auto v) { return v; }));
    }
};
struct ReduceMean {
    template <typename T>
    T operator()(const T* x, std::int64_t count) const {
        return static_cast<T>(sum_of<Sum<T>>(x, count, [](auto v) { return v; }) / static_cast<Sum<T>>(count));
    }
};
struct ReduceProd {
    template <typename T>
    T operator()(const T* x, std::int64_t count) const {
        Sum<T> result = 1;
        for (std::int64_t i = 0; i < count; ++i) result *= static_cast<Sum<T>>(x[i]);
        return static_cast<T>(result);
    }
};
struct ReduceL1 {
    template <typename T>
    T operator()(const T* x, std::int64_t count) const {
        Sum<T> sum = 0;
        for (std::int64_t i = 0; i < count; ++i) {
            const auto value = static_cast<Sum<T>>(x[i]);
            sum += x[i] < T(0) ? Sum<T>(0) - value : value;
        }
        return static_cast<T>(sum);
    }
};
struct ReduceL2 {
    template <typename T>
    T operator()(const T* x, std::int64_t count) const {
        return convert<T>(std::sqrt(sum_of<double>(x, count, [](double v) { return v * v; })));
    }
};
struct ReduceSumSquare {
    template <typename T>
    T operator()(const T* x, std::int64_t count) const {
        return static_cast<T>(sum_of<Sum<T>>(x, count, [](auto v) { return v * v; }));
    }
};
struct ReduceLogSum {
    template <typename T>
    T operator()(const T* x, std::int64_t count) const {
        return convert<T>(std::log(sum_of<double>(x, count, [](double v) { return v; })));
    }
};
struct ReduceLogSumExp {
    template <typename T>
    T operator()(const T* x, std::int64_t count) const {
        if (count == 0) return static_cast<T>(std::log(0.0));
        const auto top = static_cast<double>(*std::max_element(x, x + count));
        if (std::isinf(top)) return static_cast<T>(top);
        double sum = 0;
        for (std::int64_t i = 0; i < count; ++i) sum += std::exp(static_cast<double>(x[i]) - top);
        return static_cast<T>(top + std::log(sum));
    }
};
template <bool largest>
struct ReduceExtreme {
    template <typename T>
    T operator()(const T* x, std::int64_t count) const {
        using Limits = std::numeric_limits<T>;
        T result = largest ? Limits::lowest() : Limits::max();
        if constexpr (Limits::has_infinity) result = largest ? -Limits::infinity() : Limits::infinity();
        for (std::int64_t i = 0; i < count; ++i) result = largest ? std::max(result, x[i]) : std::min(result, x[i]);
        return result;
    }
};

// The input with its reduced dimensions moved behind the others.
Tensor gathered(const EvalContext& ctx, const Tensor& x, const std::vector<bool>& reduced) {
    const std::vector<std::int64_t> strides = strides_of(x.shape());
    StridedView view;
    Shape shape;
    for (const bool inner : {false, true}) {
        for (std::size_t d = 0; d < reduced.size(); ++d) {
            if (reduced[d] != inner) continue;
            shape.push_back(x.shape()[d]);
            view.strides.push_back(strides[d]);
        }
    }
    Tensor out(x.dtype(), shape);
    strided_copy(ctx.parallel_for, x, view, out);
    return out;
}

bool trailing(const std::vector<bool>& reduced) {
    return std::is_sorted(reduced.begin(), reduced.end());
}

template <typename F>
Result<void> evaluate_reduce(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    const std::vector<std::int64_t> axes = ctx.input(1) ? ctx.input(1)->to_int64() : std::vector<std::int64_t>();
    OCTET_ASSIGN(const auto reduced, reduced_dimensions(ctx.node, x.shape().size(), axes));
    const Tensor rows = trailing(reduced) ? x : gathered(ctx, x, reduced);
    Tensor& y = ctx.make_output();
    std::int64_t count = 1;
    for (std::size_t d = 0; d < reduced.size(); ++d) count *= reduced[d] ? x.shape()[d] : 1;
    dispatch_numeric(x.dtype(), [&]<typename T>() {
        const T* in = elements<T>(rows);
        T* out = mutable_elements<T>(y);
        parallel_ranges(ctx.parallel_for, y.size(), row_grain(count), [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) out[i] = F()(in + i * count, count);
        });
    });
    return {};
}

template <typename F>
constexpr OpDef reduction(std::string_view name, Result<void> (*infer)(InferContext&) = infer_reduce,
                          QuantRule quant = QuantRule::none) {
    return {
        .name = name, .min_inputs = 1, .max_inputs = 2, .infer = infer, .evaluate = evaluate_reduce<F>, .quant = quant};
}

}  // namespace

extern constinit const OpDef op_reduce_l1 = reduction<ReduceL1>("ReduceL1");
extern constinit const OpDef op_reduce_l2 = reduction<ReduceL2>("ReduceL2");
extern constinit const OpDef op_reduce_log_sum = reduction<ReduceLogSum>("ReduceLogSum");
extern constinit const OpDef op_reduce_log_sum_exp =
    reduction<ReduceLogSumExp>("ReduceLogSumExp", infer_reduce_floating);
extern constinit const OpDef op_reduce_max =
    reduction<ReduceExtreme<true>>("ReduceMax", infer_reduce, QuantRule::pass_through);
extern constinit const OpDef op_reduce_mean = reduction<ReduceMean>("ReduceMean", infer_reduce_floating);
extern constinit const OpDef op_reduce_min =
    reduction<ReduceExtreme<false>>("ReduceMin", infer_reduce, QuantRule::pass_through);
extern constinit const OpDef op_reduce_prod = reduction<ReduceProd>("ReduceProd");
extern constinit const OpDef op_reduce_sum = reduction<ReduceSum>("ReduceSum");
extern constinit const OpDef op_reduce_sum_square = reduction<ReduceSumSquare>("ReduceSumSquare");

}  // namespace octet::ops
