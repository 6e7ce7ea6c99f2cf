// Elementwise functions of one input.

#include <cmath>

#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

// y = f(x) for every element; f has a parameter list of one type.
template <typename In, typename Out, typename F>
void map_elements(EvalContext& ctx, F f) {
    const Tensor& x = *ctx.inputs[0];
    Tensor& y = ctx.make_output();
    const In* from = elements<In>(x);
    Out* to = mutable_elements<Out>(y);
    parallel_ranges(ctx.parallel_for, x.size(), elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) to[i] = f(from[i]);
    });
}

template <typename F>
F make_function(const Attributes& attributes) {
    if constexpr (std::is_constructible_v<F, const Attributes&>) {
        return F(attributes);
    } else {
        return F();
    }
}

template <typename F>
Result<void> evaluate_floating(EvalContext& ctx) {
    const F f = make_function<F>(ctx.node.attributes);
    dispatch_floating(ctx.inputs[0]->dtype(), [&]<typename T>() { map_elements<T, T>(ctx, f); });
    return {};
}

template <typename F>
Result<void> evaluate_numeric(EvalContext& ctx) {
    const F f = make_function<F>(ctx.node.attributes);
    dispatch_numeric(ctx.inputs[0]->dtype(), [&]<typename T>() { map_elements<T, T>(ctx, f); });
    return {};
}

template <typename F>
constexpr OpDef floating(std::string_view name) {
    return {.name = name,
            .min_inputs = 1,
            .max_inputs = 1,
            .infer = infer_same_floating,
            .evaluate = evaluate_floating<F>,
            .quant = QuantRule::unary};
}

template <typename F>
constexpr OpDef numeric(std::string_view name) {
    return {.name = name,
            .min_inputs = 1,
            .max_inputs = 1,
            .infer = infer_same_numeric,
            .evaluate = evaluate_numeric<F>,
            .quant = QuantRule::unary};
}

// ---- activations

struct Sigmoid {
    template <typename T>
    T operator()(T x) const {
        return T(1) / (T(1) + std::exp(-x));
    }
};

struct LeakyRelu {
    float alpha;
    explicit LeakyRelu(const Attributes& a) : alpha(a.real("alpha", 0.01F)) {}
    template <typename T>
    T operator()(T x) const {
        return x < T(0) ? T(alpha) * x : x;
    }
};

struct HardSigmoid {
    float alpha, beta;
    explicit HardSigmoid(const Attributes& a) : alpha(a.real("alpha", 0.2F)), beta(a.real("beta", 0.5F)) {}
    template <typename T>
    T operator()(T x) const {
        return std::max(T(0), std::min(T(1), T(alpha) * x + T(beta)));
    }
};

// x · clip(x/6 + 1/2, 0, 1)
struct HardSwish {
    template <typename T>
    T operator()(T x) const {
        return x * std::max(T(0), std::min(T(1), x / T(6) + T(0.5)));
    }
};

struct Relu {
    template <typename T>
    T operator()(T x) const {
        return x < T(0) ? T(0) : x;
    }
};

struct Elu {
    float alpha;
    explicit Elu(const Attributes& a) : alpha(a.real("alpha", 1.0F)) {}
    template <typename T>
    T operator()(T x) const {
        return x < T(0) ? T(alpha) * std::expm1(x) : x;
    }
};

struct Celu {
    float alpha;
    explicit Celu(const Attributes& a) : alpha(a.real("alpha", 1.0F)) {}
    template <typename T>
    T operator()(T x) const {
        return x < T(0) ? T(alpha) * std::expm1(x / T(alpha)) : x;
    }
};

struct Selu {
    float alpha, gamma;
    explicit Selu(const Attributes& a)
        : alpha(a.real("alpha", 1.67326319217681884765625F)), gamma(a.real("gamma", 1.05070102214813232421875F)) {}
    template <typename T>
    T operator()(T x) const {
        return T(gamma) * (x < T(0) ? T(alpha) * std::expm1(x) : x);
    }
};

struct ThresholdedRelu {
    float alpha;
    explicit ThresholdedRelu(const Attributes& a) : alpha(a.real("alpha", 1.0F)) {}
    template <typename T>
    T operator()(T x) const {
        return x > T(alpha) ? x : T(0);
    }
};

struct Shrink {
    float lambda, bias;
    explicit Shrink(const Attributes& a) : lambda(a.real("lambd", 0.5F)), bias(a.real("bias", 0.0F)) {}
    template <typename T>
    T operator()(T x) const {
        return x < T(-lambda) ? x + T(bias) : x > T(lambda) ? x - T(bias) : T(0);
    }
};

// ln(1 + e^x), without overflow for large x
template <typename T>
T softplus(T x) {
    return x > T(0) ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

struct Softplus {
    template <typename T>
    T operator()(T x) const {
        return softplus(x);
    }
};

struct Softsign {
    template <typename T>
    T operator()(T x) const {
        return x / (T(1) + std::abs(x));
    }
};

struct Mish {
    template <typename T>
    T operator()(T x) const {
        return x * std::tanh(softplus(x));
    }
};

// x · sigmoid(x), SiLU
struct Swish {
    template <typename T>
    T operator()(T x) const {
        return x * Sigmoid{}(x);
    }
};

struct Gelu {
    bool tanh;
    explicit Gelu(const Attributes& a) : tanh(a.text("approximate", "none") == "tanh") {}
    template <typename T>
    T operator()(T x) const {
        const T gate = tanh ? std::tanh(T(0.7978845608028654) * (x + T(0.044715) * x * x * x))  // √(2/π)
                            : std::erf(x * T(0.7071067811865476));                              // 1/√2
        return T(0.5) * x * (T(1) + gate);
    }
};

// ---- arithmetic

struct Abs {
    template <typename T>
    T operator()(T x) const {
        return x < T(0) ? negated(x) : x == T(0) ? T(0) : x;
    }
    // Wraps around at the smallest integer instead of overflowing.
    template <typename T>
    static T negated(T x) {
        if constexpr (std::is_integral_v<T>) {
            return static_cast<T>(std::uint64_t{0} - static_cast<std::uint64_t>(x));
        } else {
            return -x;
        }
    }
};

struct Neg {
    template <typename T>
    T operator()(T x) const {
        return Abs::negated(x);
    }
};

struct Sign {
    template <typename T>
    T operator()(T x) const {
        return static_cast<T>((x > T(0)) - (x < T(0)));
    }
};

struct Reciprocal {
    template <typename T>
    T operator()(T x) const {
        return T(1) / x;
    }
};

// Halves go to the even neighbour, which is the default rounding mode's rule.
struct Round {
    template <typename T>
    T operator()(T x) const {
        return std::nearbyint(x);
    }
};

#define OCTET_STD_FUNCTION(NAME, FUNCTION) \
    struct NAME {                          \
        template <typename T>              \
        T operator()(T x) const {          \
            return FUNCTION(x);            \
        }                                  \
    };
OCTET_STD_FUNCTION(Exp, std::exp)
OCTET_STD_FUNCTION(Log, std::log)
OCTET_STD_FUNCTION(Sqrt, std::sqrt)
OCTET_STD_FUNCTION(Tanh, std::tanh)
OCTET_STD_FUNCTION(Erf, std::erf)
OCTET_STD_FUNCTION(Floor, std::floor)
OCTET_STD_FUNCTION(Ceil, std::ceil)
OCTET_STD_FUNCTION(Sin, std::sin)
OCTET_STD_FUNCTION(Cos, std::cos)
OCTET_STD_FUNCTION(Tan, std::tan)
OCTET_STD_FUNCTION(Asin, std::asin)
OCTET_STD_FUNCTION(Acos, std::acos)
OCTET_STD_FUNCTION(Atan, std::atan)
OCTET_STD_FUNCTION(Sinh, std::sinh)
OCTET_STD_FUNCTION(Cosh, std::cosh)
OCTET_STD_FUNCTION(Asinh, std::asinh)
OCTET_STD_FUNCTION(Acosh, std::acosh)
OCTET_STD_FUNCTION(Atanh, std::atanh)
#undef OCTET_STD_FUNCTION

// ---- predicates

Result<void> infer_predicate(InferContext& ctx) {
    OCTET_TRY(expect_floating(ctx, 0));
    ctx.outputs[0] = {DType::boolean, ctx.inputs[0]->shape};
    return {};
}

Result<void> evaluate_is_nan(EvalContext& ctx) {
    dispatch_floating(ctx.inputs[0]->dtype(),
                      [&]<typename T>() { map_elements<T, bool>(ctx, [](T x) { return std::isnan(x); }); });
    return {};
}

Result<void> evaluate_is_inf(EvalContext& ctx) {
    const bool positive = ctx.node.attributes.integer("detect_positive", 1) != 0;
    const bool negative = ctx.node.attributes.integer("detect_negative", 1) != 0;
    dispatch_floating(ctx.inputs[0]->dtype(), [&]<typename T>() {
        map_elements<T, bool>(ctx, [=](T x) { return std::isinf(x) && (x > T(0) ? positive : negative); });
    });
    return {};
}

Result<void> infer_not(InferContext& ctx) {
    OCTET_TRY(expect_dtype(ctx, 0, DType::boolean));
    return infer_same(ctx);
}

Result<void> evaluate_not(EvalContext& ctx) {
    map_elements<bool, bool>(ctx, [](bool x) { return !x; });
    return {};
}

constexpr OpDef predicate(std::string_view name, Result<void> (*infer)(InferContext&),
                          Result<void> (*evaluate)(EvalContext&)) {
    return {.name = name, .min_inputs = 1, .max_inputs = 1, .infer = infer, .evaluate = evaluate};
}

}  // namespace

extern constinit const OpDef op_abs = numeric<Abs>("Abs");
extern constinit const OpDef op_acos = floating<Acos>("Acos");
extern constinit const OpDef op_acosh = floating<Acosh>("Acosh");
extern constinit const OpDef op_asin = floating<Asin>("Asin");
extern constinit const OpDef op_asinh = floating<Asinh>("Asinh");
extern constinit const OpDef op_atan = floating<Atan>("Atan");
extern constinit const OpDef op_atanh = floating<Atanh>("Atanh");
extern constinit const OpDef op_ceil = floating<Ceil>("Ceil");
extern constinit const OpDef op_celu = floating<Celu>("Celu");
extern constinit const OpDef op_cos = floating<Cos>("Cos");
extern constinit const OpDef op_cosh = floating<Cosh>("Cosh");
extern constinit const OpDef op_elu = floating<Elu>("Elu");
extern constinit const OpDef op_erf = floating<Erf>("Erf");
extern constinit const OpDef op_exp = floating<Exp>("Exp");
extern constinit const OpDef op_floor = floating<Floor>("Floor");
extern constinit const OpDef op_gelu = floating<Gelu>("Gelu");
extern constinit const OpDef op_hard_sigmoid = floating<HardSigmoid>("HardSigmoid");
extern constinit const OpDef op_hard_swish = floating<HardSwish>("HardSwish");
extern constinit const OpDef op_is_inf = predicate("IsInf", infer_predicate, evaluate_is_inf);
extern constinit const OpDef op_is_nan = predicate("IsNaN", infer_predicate, evaluate_is_nan);
extern constinit const OpDef op_leaky_relu = floating<LeakyRelu>("LeakyRelu");
extern constinit const OpDef op_log = floating<Log>("Log");
extern constinit const OpDef op_mish = floating<Mish>("Mish");
extern constinit const OpDef op_neg = numeric<Neg>("Neg");
extern constinit const OpDef op_not = predicate("Not", infer_not, evaluate_not);
extern constinit const OpDef op_reciprocal = floating<Reciprocal>("Reciprocal");
extern constinit const OpDef op_relu = numeric<Relu>("Relu");
extern constinit const OpDef op_round = floating<Round>("Round");
extern constinit const OpDef op_selu = floating<Selu>("Selu");
extern constinit const OpDef op_shrink = floating<Shrink>("Shrink");
extern constinit const OpDef op_sigmoid = floating<Sigmoid>("Sigmoid");
extern constinit const OpDef op_sign = numeric<Sign>("Sign");
extern constinit const OpDef op_sin = floating<Sin>("Sin");
extern constinit const OpDef op_sinh = floating<Sinh>("Sinh");
extern constinit const OpDef op_softplus = floating<Softplus>("Softplus");
extern constinit const OpDef op_softsign = floating<Softsign>("Softsign");
extern constinit const OpDef op_sqrt = floating<Sqrt>("Sqrt");
extern constinit const OpDef op_swish = floating<Swish>("Swish");
extern constinit const OpDef op_tan = floating<Tan>("Tan");
extern constinit const OpDef op_tanh = floating<Tanh>("Tanh");
extern constinit const OpDef op_thresholded_relu = floating<ThresholdedRelu>("ThresholdedRelu");

}  // namespace octet::ops
