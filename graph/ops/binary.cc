// Elementwise arithmetic of two inputs with broadcasting.

#include <cmath>
#include <limits>

#include "graph/ir/arithmetic.h"
#include "graph/ops/broadcast.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

struct Add {
    template <typename T>
    T operator()(T a, T b) const {
        return static_cast<T>(static_cast<Wrapping<T>>(a) + static_cast<Wrapping<T>>(b));
    }
};
struct Sub {
    template <typename T>
    T operator()(T a, T b) const {
        return static_cast<T>(static_cast<Wrapping<T>>(a) - static_cast<Wrapping<T>>(b));
    }
};
struct Mul {
    template <typename T>
    T operator()(T a, T b) const {
        return static_cast<T>(static_cast<Wrapping<T>>(a) * static_cast<Wrapping<T>>(b));
    }
};
// Integers are truncated towards zero; the divisor is known not to be 0.
struct Div {
    template <typename T>
    T operator()(T a, T b) const {
        if constexpr (std::is_signed_v<T> && std::is_integral_v<T>) {
            if (b == T(-1)) return Sub()(T(0), a);
        }
        return static_cast<T>(a / b);
    }
};
// The result has the divisor's sign.
struct FloorMod {
    template <typename T>
    T operator()(T a, T b) const {
        if constexpr (std::is_integral_v<T>) {
            if constexpr (std::is_signed_v<T>) {
                if (b == T(-1)) return T(0);
            }
            const T r = static_cast<T>(a % b);
            return r != 0 && (r < 0) != (b < 0) ? static_cast<T>(r + b) : r;
        } else {
            return a - b * std::floor(a / b);
        }
    }
};
// The result has the dividend's sign.
struct TruncatedMod {
    template <typename T>
    T operator()(T a, T b) const {
        if constexpr (std::is_integral_v<T>) {
            if constexpr (std::is_signed_v<T>) {
                if (b == T(-1)) return T(0);
            }
            return static_cast<T>(a % b);
        } else {
            return std::fmod(a, b);
        }
    }
};

Result<void> infer_arithmetic(InferContext& ctx) {
    OCTET_TRY(expect_numeric(ctx, 0));
    OCTET_ASSIGN(ctx.outputs[0], broadcast_inputs(ctx));
    return {};
}

template <typename F>
Result<void> evaluate_arithmetic(EvalContext& ctx) {
    Tensor& y = ctx.make_output();
    dispatch_numeric(y.dtype(), [&]<typename T>() {
        broadcast_binary<T, T, T>(ctx.parallel_for, *ctx.inputs[0], *ctx.inputs[1], y,
                                  [](T a, T b) { return F()(a, b); });
    });
    return {};
}

Result<void> check_divisor(const Tensor& divisor) {
    if (is_floating(divisor.dtype())) return {};
    const bool zero = dispatch_numeric(divisor.dtype(), [&]<typename T>() {
        const T* values = elements<T>(divisor);
        return std::find(values, values + divisor.size(), T(0)) != values + divisor.size();
    });
    return zero ? fail(ErrorCode::invalid_model, "integer division by zero") : Result<void>();
}

Result<void> evaluate_div(EvalContext& ctx) {
    OCTET_TRY(check_divisor(*ctx.inputs[1]));
    return evaluate_arithmetic<Div>(ctx);
}

Result<void> infer_mod(InferContext& ctx) {
    if (is_floating(ctx.inputs[0]->dtype) && ctx.node.attributes.integer("fmod", 0) == 0) {
        return fail(ErrorCode::invalid_model, "floating inputs require the attribute fmod = 1");
    }
    return infer_arithmetic(ctx);
}

Result<void> evaluate_mod(EvalContext& ctx) {
    OCTET_TRY(check_divisor(*ctx.inputs[1]));
    return ctx.node.attributes.integer("fmod", 0) == 0 ? evaluate_arithmetic<FloorMod>(ctx)
                                                       : evaluate_arithmetic<TruncatedMod>(ctx);
}

// The exponent may have a type of its own; the result has the base's.
Result<void> infer_pow(InferContext& ctx) {
    OCTET_TRY(expect_numeric(ctx, 0));
    OCTET_TRY(expect_numeric(ctx, 1));
    OCTET_ASSIGN(Shape shape, broadcast(ctx.inputs[0]->shape, ctx.inputs[1]->shape));
    ctx.outputs[0] = {ctx.inputs[0]->dtype, std::move(shape)};
    return {};
}

Result<void> evaluate_pow(EvalContext& ctx) {
    Tensor& y = ctx.make_output();
    const Tensor& base = *ctx.inputs[0];
    if (is_floating(base.dtype())) {
        const Tensor exponent = ctx.inputs[1]->cast(base.dtype());
        dispatch_floating(base.dtype(), [&]<typename T>() {
            if (exponent.size() == 1 && exponent.data<T>()[0] == T(2)) {
                broadcast_binary<T, T, T>(ctx.parallel_for, base, exponent, y, [](T a, T) { return a * a; });
            } else {
                broadcast_binary<T, T, T>(ctx.parallel_for, base, exponent, y, [](T a, T b) { return std::pow(a, b); });
            }
        });
        return {};
    }
    const Tensor exponent = ctx.inputs[1]->cast(DType::float64);
    dispatch_numeric(base.dtype(), [&]<typename T>() {
        if constexpr (std::is_integral_v<T>) {
            broadcast_binary<T, double, T>(ctx.parallel_for, base, exponent, y, [](T a, double b) {
                return convert<T>(std::pow(static_cast<double>(a), b));
            });
        }
    });
    return {};
}

Result<void> infer_bit_shift(InferContext& ctx) {
    const std::string direction = ctx.node.attributes.text("direction", "");
    if (direction != "LEFT" && direction != "RIGHT") {
        return fail(ErrorCode::invalid_model, "attribute direction is '{}', but has to be LEFT or RIGHT", direction);
    }
    return infer_arithmetic(ctx);
}

Result<void> evaluate_bit_shift(EvalContext& ctx) {
    Tensor& y = ctx.make_output();
    const bool left = ctx.node.attributes.text("direction", "") == "LEFT";
    return dispatch_numeric(y.dtype(), [&]<typename T>() -> Result<void> {
        if constexpr (std::is_unsigned_v<T>) {
            broadcast_binary<T, T, T>(ctx.parallel_for, *ctx.inputs[0], *ctx.inputs[1], y, [left](T a, T b) {
                if (b >= std::numeric_limits<T>::digits) return T(0);
                const auto wide = static_cast<std::uint64_t>(a);
                return static_cast<T>(left ? wide << b : wide >> b);
            });
            return {};
        } else {
            return fail(ErrorCode::unsupported, "shifts of {} are not defined", dtype_name(y.dtype()));
        }
    });
}

constexpr OpDef arithmetic(std::string_view name, Result<void> (*infer)(InferContext&),
                           Result<void> (*evaluate)(EvalContext&)) {
    return {.name = name, .min_inputs = 2, .max_inputs = 2, .infer = infer, .evaluate = evaluate};
}

}  // namespace

extern constinit const OpDef op_add = arithmetic("Add", infer_arithmetic, evaluate_arithmetic<Add>);
extern constinit const OpDef op_sub = arithmetic("Sub", infer_arithmetic, evaluate_arithmetic<Sub>);
extern constinit const OpDef op_mul = arithmetic("Mul", infer_arithmetic, evaluate_arithmetic<Mul>);
extern constinit const OpDef op_div = arithmetic("Div", infer_arithmetic, evaluate_div);
extern constinit const OpDef op_pow = arithmetic("Pow", infer_pow, evaluate_pow);
extern constinit const OpDef op_mod = arithmetic("Mod", infer_mod, evaluate_mod);
extern constinit const OpDef op_bit_shift = arithmetic("BitShift", infer_bit_shift, evaluate_bit_shift);

}  // namespace octet::ops
