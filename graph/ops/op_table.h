#pragma once

// The operators' definitions, one line each: OP(conv) is `op_conv`, defined in the file of its family. For op_list.cc
// alone, so that a new line compiles one file anew.

#include "graph/ops/op_def.h"

#define OCTET_OP_TABLE(OP)      \
    OP(abs)                     \
    OP(acos)                    \
    OP(acosh)                   \
    OP(add)                     \
    OP(and)                     \
    OP(arg_max)                 \
    OP(arg_min)                 \
    OP(asin)                    \
    OP(asinh)                   \
    OP(atan)                    \
    OP(atanh)                   \
    OP(average_pool)            \
    OP(batch_normalization)     \
    OP(bit_shift)               \
    OP(cast)                    \
    OP(cast_like)               \
    OP(ceil)                    \
    OP(celu)                    \
    OP(clip)                    \
    OP(concat)                  \
    OP(constant_of_shape)       \
    OP(conv)                    \
    OP(conv_transpose)          \
    OP(cos)                     \
    OP(cosh)                    \
    OP(cum_sum)                 \
    OP(depth_to_space)          \
    OP(dequantize_linear)       \
    OP(detect)                  \
    OP(div)                     \
    OP(dropout)                 \
    OP(dynamic_quantize_linear) \
    OP(elu)                     \
    OP(equal)                   \
    OP(erf)                     \
    OP(exp)                     \
    OP(expand)                  \
    OP(eye_like)                \
    OP(flatten)                 \
    OP(floor)                   \
    OP(focus)                   \
    OP(gather)                  \
    OP(gather_elements)         \
    OP(gather_nd)               \
    OP(gelu)                    \
    OP(gemm)                    \
    OP(global_average_pool)     \
    OP(global_max_pool)         \
    OP(greater)                 \
    OP(greater_or_equal)        \
    OP(group_normalization)     \
    OP(hard_sigmoid)            \
    OP(hard_swish)              \
    OP(hardmax)                 \
    OP(identity)                \
    OP(instance_normalization)  \
    OP(is_inf)                  \
    OP(is_nan)                  \
    OP(layer_normalization)     \
    OP(leaky_relu)              \
    OP(less)                    \
    OP(less_or_equal)           \
    OP(log)                     \
    OP(log_softmax)             \
    OP(lrn)                     \
    OP(matmul)                  \
    OP(max)                     \
    OP(max_pool)                \
    OP(mean)                    \
    OP(min)                     \
    OP(mish)                    \
    OP(mod)                     \
    OP(mul)                     \
    OP(neg)                     \
    OP(not )                    \
    OP(one_hot)                 \
    OP(or)                      \
    OP(pad)                     \
    OP(pow)                     \
    OP(prelu)                   \
    OP(quantize_linear)         \
    OP(range)                   \
    OP(reciprocal)              \
    OP(reduce_l1)               \
    OP(reduce_l2)               \
    OP(reduce_log_sum)          \
    OP(reduce_log_sum_exp)      \
    OP(reduce_max)              \
    OP(reduce_mean)             \
    OP(reduce_min)              \
    OP(reduce_prod)             \
    OP(reduce_sum)              \
    OP(reduce_sum_square)       \
    OP(relu)                    \
    OP(reshape)                 \
    OP(resize)                  \
    OP(round)                   \
    OP(scatter_elements)        \
    OP(scatter_nd)              \
    OP(selu)                    \
    OP(shape)                   \
    OP(shrink)                  \
    OP(sigmoid)                 \
    OP(sign)                    \
    OP(sin)                     \
    OP(sinh)                    \
    OP(size)                    \
    OP(slice)                   \
    OP(softmax)                 \
    OP(softplus)                \
    OP(softsign)                \
    OP(space_to_depth)          \
    OP(split)                   \
    OP(sqrt)                    \
    OP(squeeze)                 \
    OP(sub)                     \
    OP(sum)                     \
    OP(swish)                   \
    OP(tan)                     \
    OP(tanh)                    \
    OP(thresholded_relu)        \
    OP(tile)                    \
    OP(top_k)                   \
    OP(transpose)               \
    OP(trilu)                   \
    OP(unsqueeze)               \
    OP(where)                   \
    OP(xor)

namespace octet::ops {

#define OCTET_DECLARE_OP(NAME) extern const OpDef op_##NAME;
OCTET_OP_TABLE(OCTET_DECLARE_OP)
#undef OCTET_DECLARE_OP

}  // namespace octet::ops
