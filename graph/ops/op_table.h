#pragma once

// The operators' definitions, one line each: OP(conv) is `op_conv`, defined in the file of its family.

#include "graph/ops/op_def.h"

#define OCTET_OP_TABLE(OP)  \
    OP(abs)                 \
    OP(acos)                \
    OP(acosh)               \
    OP(add)                 \
    OP(and)                 \
    OP(asin)                \
    OP(asinh)               \
    OP(atan)                \
    OP(atanh)               \
    OP(batch_normalization) \
    OP(bit_shift)           \
    OP(cast)                \
    OP(cast_like)           \
    OP(ceil)                \
    OP(celu)                \
    OP(clip)                \
    OP(concat)              \
    OP(constant_of_shape)   \
    OP(conv)                \
    OP(cos)                 \
    OP(cosh)                \
    OP(dequantize_linear)   \
    OP(detect)              \
    OP(div)                 \
    OP(dropout)             \
    OP(elu)                 \
    OP(equal)               \
    OP(erf)                 \
    OP(exp)                 \
    OP(expand)              \
    OP(flatten)             \
    OP(floor)               \
    OP(focus)               \
    OP(gather)              \
    OP(gather_elements)     \
    OP(gelu)                \
    OP(greater)             \
    OP(greater_or_equal)    \
    OP(hard_sigmoid)        \
    OP(hard_swish)          \
    OP(identity)            \
    OP(is_inf)              \
    OP(is_nan)              \
    OP(leaky_relu)          \
    OP(less)                \
    OP(less_or_equal)       \
    OP(log)                 \
    OP(max_pool)            \
    OP(mish)                \
    OP(mod)                 \
    OP(mul)                 \
    OP(neg)                 \
    OP(not )                \
    OP(or)                  \
    OP(pow)                 \
    OP(quantize_linear)     \
    OP(reciprocal)          \
    OP(relu)                \
    OP(reshape)             \
    OP(resize)              \
    OP(round)               \
    OP(scatter_elements)    \
    OP(scatter_nd)          \
    OP(selu)                \
    OP(shape)               \
    OP(shrink)              \
    OP(sigmoid)             \
    OP(sign)                \
    OP(sin)                 \
    OP(sinh)                \
    OP(size)                \
    OP(slice)               \
    OP(softplus)            \
    OP(softsign)            \
    OP(sqrt)                \
    OP(squeeze)             \
    OP(sub)                 \
    OP(tan)                 \
    OP(tanh)                \
    OP(thresholded_relu)    \
    OP(transpose)           \
    OP(unsqueeze)           \
    OP(where)               \
    OP(xor)

namespace octet::ops {

#define OCTET_DECLARE_OP(NAME) extern const OpDef op_##NAME;
OCTET_OP_TABLE(OCTET_DECLARE_OP)
#undef OCTET_DECLARE_OP

}  // namespace octet::ops
