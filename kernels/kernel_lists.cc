// Every kernel, one line each: NAME_LEVEL is declared, needs what needs::LEVEL says, and stands in its family's list,
// fast to reference. That is what dispatch, tests and benchmarks see.

#include "kernels/add.h"
#include "kernels/avgpool.h"
#include "kernels/batchnorm.h"
#include "kernels/concat.h"
#include "kernels/conv.h"
#include "kernels/dequantize.h"
#include "kernels/detect_decode.h"
#include "kernels/gemm_f32.h"
#include "kernels/lut.h"
#include "kernels/masks.h"
#include "kernels/maxpool.h"
#include "kernels/move.h"
#include "kernels/mul.h"
#include "kernels/normalize.h"
#include "kernels/quantize.h"
#include "kernels/resize_linear.h"
#include "kernels/resize_nearest.h"
#include "kernels/sigmoid.h"

namespace octet::kernels {

#ifdef OCTET_HAVE_X86_KERNELS
#define OCTET_X86(...) __VA_ARGS__
#else
#define OCTET_X86(...)
#endif

#ifdef OCTET_HAVE_AVXVNNI_EVEX
#define OCTET_EVEX(...) __VA_ARGS__
#else
#define OCTET_EVEX(...)
#endif

#ifdef OCTET_HAVE_ARM_KERNELS
#define OCTET_ARM(...) __VA_ARGS__
#else
#define OCTET_ARM(...)
#endif

// Text that stands in builds with the level's kernels.
#define OCTET_IF_reference(...) __VA_ARGS__
#define OCTET_IF_avx2(...) OCTET_X86(__VA_ARGS__)
#define OCTET_IF_avxvnni(...) OCTET_X86(__VA_ARGS__)
#define OCTET_IF_avxvnni_evex(...) OCTET_EVEX(__VA_ARGS__)
#define OCTET_IF_avx512vnni(...) OCTET_X86(__VA_ARGS__)
#define OCTET_IF_neon(...) OCTET_ARM(__VA_ARGS__)
#define OCTET_IF_neon_dotprod(...) OCTET_ARM(__VA_ARGS__)
#define OCTET_IF_neon_i8mm(...) OCTET_ARM(__VA_ARGS__)

#define OCTET_BATCHNORM(KERNEL)      \
    KERNEL(batchnorm_u8, avx512vnni) \
    KERNEL(batchnorm_u8, avx2)       \
    KERNEL(batchnorm_u8, neon)       \
    KERNEL(batchnorm_u8, reference)
#define OCTET_ADD(KERNEL)      \
    KERNEL(add_u8, avx512vnni) \
    KERNEL(add_u8, avx2)       \
    KERNEL(add_u8, neon)       \
    KERNEL(add_u8, reference)
#define OCTET_MUL(KERNEL)      \
    KERNEL(mul_u8, avx512vnni) \
    KERNEL(mul_u8, avx2)       \
    KERNEL(mul_u8, neon)       \
    KERNEL(mul_u8, reference)
#define OCTET_CONCAT(KERNEL) \
    KERNEL(concat_u8, avx2)  \
    KERNEL(concat_u8, neon)  \
    KERNEL(concat_u8, reference)
#define OCTET_MOVE(KERNEL) \
    KERNEL(move_u8, avx2)  \
    KERNEL(move_u8, neon)  \
    KERNEL(move_u8, reference)
#define OCTET_MAXPOOL(KERNEL) \
    KERNEL(maxpool_u8, avx2)  \
    KERNEL(maxpool_u8, neon)  \
    KERNEL(maxpool_u8, reference)
#define OCTET_AVGPOOL(KERNEL)      \
    KERNEL(avgpool_u8, avx512vnni) \
    KERNEL(avgpool_u8, avx2)       \
    KERNEL(avgpool_u8, neon)       \
    KERNEL(avgpool_u8, reference)
#define OCTET_RESIZE_LINEAR(KERNEL) \
    KERNEL(resize_linear_u8, avx2)  \
    KERNEL(resize_linear_u8, neon)  \
    KERNEL(resize_linear_u8, reference)
#define OCTET_RESIZE_NEAREST(KERNEL) \
    KERNEL(resize_nearest_u8, avx2)  \
    KERNEL(resize_nearest_u8, neon)  \
    KERNEL(resize_nearest_u8, reference)
#define OCTET_QUANTIZE(KERNEL)    \
    KERNEL(quantize_f32_u8, avx2) \
    KERNEL(quantize_f32_u8, neon) \
    KERNEL(quantize_f32_u8, reference)
#define OCTET_PIXELS(KERNEL) \
    KERNEL(pixels_u8, avx2)  \
    KERNEL(pixels_u8, neon)  \
    KERNEL(pixels_u8, reference)
#define OCTET_DEQUANTIZE(KERNEL) \
    KERNEL(dequantize_f32, avx2) \
    KERNEL(dequantize_f32, neon) \
    KERNEL(dequantize_f32, reference)
#define OCTET_LUT(KERNEL) \
    KERNEL(lut_u8, avx2)  \
    KERNEL(lut_u8, neon)  \
    KERNEL(lut_u8, reference)
#define OCTET_SIGMOID(KERNEL)     \
    KERNEL(sigmoid_s16_f32, avx2) \
    KERNEL(sigmoid_s16_f32, neon) \
    KERNEL(sigmoid_s16_f32, reference)
#define OCTET_DETECT_DECODE(KERNEL) \
    KERNEL(detect_decode_s16, avx2) \
    KERNEL(detect_decode_s16, reference)
#define OCTET_NORMALIZE(KERNEL) KERNEL(normalize_u8_f32, reference)
#define OCTET_ARGMAX(KERNEL)       \
    KERNEL(argmax_f32, avx512vnni) \
    KERNEL(argmax_f32, avx2)       \
    KERNEL(argmax_f32, neon)       \
    KERNEL(argmax_f32, reference)
#define OCTET_BLEND_MARGIN(KERNEL)       \
    KERNEL(blend_margin_f32, avx512vnni) \
    KERNEL(blend_margin_f32, avx2)       \
    KERNEL(blend_margin_f32, neon)       \
    KERNEL(blend_margin_f32, reference)
#define OCTET_GEMM_F32(KERNEL)         \
    KERNEL(gemm_f32_12x32, avx512vnni) \
    KERNEL(gemm_f32_6x16, avx2)        \
    KERNEL(gemm_f32_8x12, neon)        \
    KERNEL(gemm_f32, reference)

// Forms of which each layer takes the first that does not refuse it.
#define OCTET_CONV(KERNEL)                          \
    KERNEL(conv_winograd_u8s8_14x32, avx512vnni)    \
    KERNEL(conv_upsampled_u8s8_14x32, avx512vnni)   \
    KERNEL(conv_narrow_u8s8_32x4, avx512vnni)       \
    KERNEL(conv_u8s8_14x32, avx512vnni)             \
    KERNEL(conv_s16s8_14x32, avx512vnni)            \
    KERNEL(conv_depthwise_u8s8_4x32, avx512vnni)    \
    KERNEL(conv_depthwise_s16s8_4x32, avx512vnni)   \
    KERNEL(conv_grouped_u8s8_14x32, avx512vnni)     \
    KERNEL(conv_grouped_s16s8_14x32, avx512vnni)    \
    KERNEL(conv_winograd_u8s8_6x16, avxvnni)        \
    KERNEL(conv_upsampled_u8s8_6x16, avxvnni)       \
    KERNEL(conv_narrow_u8s8_16x4, avxvnni)          \
    KERNEL(conv_u8s8_6x16, avxvnni)                 \
    KERNEL(conv_s16s8_6x16, avxvnni)                \
    KERNEL(conv_depthwise_u8s8_4x16, avxvnni)       \
    KERNEL(conv_depthwise_s16s8_4x16, avxvnni)      \
    KERNEL(conv_grouped_u8s8_6x16, avxvnni)         \
    KERNEL(conv_grouped_s16s8_6x16, avxvnni)        \
    KERNEL(conv_winograd_u8s8_6x16, avxvnni_evex)   \
    KERNEL(conv_upsampled_u8s8_6x16, avxvnni_evex)  \
    KERNEL(conv_narrow_u8s8_16x4, avxvnni_evex)     \
    KERNEL(conv_u8s8_6x16, avxvnni_evex)            \
    KERNEL(conv_s16s8_6x16, avxvnni_evex)           \
    KERNEL(conv_depthwise_u8s8_4x16, avxvnni_evex)  \
    KERNEL(conv_depthwise_s16s8_4x16, avxvnni_evex) \
    KERNEL(conv_grouped_u8s8_6x16, avxvnni_evex)    \
    KERNEL(conv_grouped_s16s8_6x16, avxvnni_evex)   \
    KERNEL(conv_winograd_u8s8_6x16, avx2)           \
    KERNEL(conv_upsampled_u8s8_6x16, avx2)          \
    KERNEL(conv_u8s8_8x8, avx2)                     \
    KERNEL(conv_s16s8_5x16, avx2)                   \
    KERNEL(conv_depthwise_u8s8_4x16, avx2)          \
    KERNEL(conv_depthwise_s16s8_4x16, avx2)         \
    KERNEL(conv_grouped_u8s8_8x8, avx2)             \
    KERNEL(conv_grouped_s16s8_5x16, avx2)           \
    KERNEL(conv_u8s8_6x16, neon_i8mm)               \
    KERNEL(conv_depthwise_u8s8_4x8, neon_i8mm)      \
    KERNEL(conv_grouped_u8s8_6x16, neon_i8mm)       \
    KERNEL(conv_u8s8_6x16, neon_dotprod)            \
    KERNEL(conv_depthwise_u8s8_4x8, neon_dotprod)   \
    KERNEL(conv_grouped_u8s8_6x16, neon_dotprod)    \
    KERNEL(conv_winograd_u8s8_10x8, neon)           \
    KERNEL(conv_upsampled_u8s8_10x8, neon)          \
    KERNEL(conv_u8s8_5x4, neon)                     \
    KERNEL(conv_s16s8_6x16, neon)                   \
    KERNEL(conv_depthwise_u8s8_4x8, neon)           \
    KERNEL(conv_depthwise_s16s8_4x8, neon)          \
    KERNEL(conv_grouped_u8s8_5x4, neon)             \
    KERNEL(conv_grouped_s16s8_6x16, neon)           \
    KERNEL(conv_u8s8, reference)                    \
    KERNEL(conv_s16s8, reference)

#define OCTET_DECLARE_FUNCTION(NAME, LEVEL) OCTET_IF_##LEVEL(Function NAME##_##LEVEL;)
#define OCTET_FUNCTION_ENTRY(NAME, LEVEL) OCTET_IF_##LEVEL({#NAME "_" #LEVEL, needs::LEVEL, &NAME##_##LEVEL}, )

#define OCTET_LIST(FAMILY, FUNCTION, KERNELS)                                            \
    KernelList<FUNCTION> FAMILY() {                                                      \
        using Function = FUNCTION;                                                       \
        KERNELS(OCTET_DECLARE_FUNCTION)                                                  \
        static constexpr KernelEntry<FUNCTION> list[] = {KERNELS(OCTET_FUNCTION_ENTRY)}; \
        return list;                                                                     \
    }

OCTET_LIST(batchnorm_kernels, BatchNormFunction, OCTET_BATCHNORM)
OCTET_LIST(add_kernels, AddFunction, OCTET_ADD)
OCTET_LIST(mul_kernels, MulFunction, OCTET_MUL)
OCTET_LIST(concat_kernels, ConcatFunction, OCTET_CONCAT)
OCTET_LIST(move_kernels, MoveFunction, OCTET_MOVE)
OCTET_LIST(maxpool_kernels, MaxPoolFunction, OCTET_MAXPOOL)
OCTET_LIST(avgpool_kernels, AvgPoolFunction, OCTET_AVGPOOL)
OCTET_LIST(resize_linear_kernels, ResizeLinearFunction, OCTET_RESIZE_LINEAR)
OCTET_LIST(resize_nearest_kernels, ResizeNearestFunction, OCTET_RESIZE_NEAREST)
OCTET_LIST(quantize_kernels, QuantizeFunction, OCTET_QUANTIZE)
OCTET_LIST(pixels_kernels, PixelsFunction, OCTET_PIXELS)
OCTET_LIST(dequantize_kernels, DequantizeFunction, OCTET_DEQUANTIZE)
OCTET_LIST(lut_kernels, LutFunction, OCTET_LUT)
OCTET_LIST(sigmoid_kernels, SigmoidFunction, OCTET_SIGMOID)
OCTET_LIST(detect_decode_kernels, DetectDecodeFunction, OCTET_DETECT_DECODE)
OCTET_LIST(normalize_kernels, NormalizeFunction, OCTET_NORMALIZE)
OCTET_LIST(argmax_kernels, ArgmaxFunction, OCTET_ARGMAX)
OCTET_LIST(blend_margin_kernels, BlendMarginFunction, OCTET_BLEND_MARGIN)
OCTET_LIST(gemm_f32_kernels, GemmF32Function, OCTET_GEMM_F32)

#define OCTET_DECLARE_CONV(NAME, LEVEL) OCTET_IF_##LEVEL(extern const ConvKernel NAME##_##LEVEL;)
#define OCTET_CONV_ENTRY(NAME, LEVEL) OCTET_IF_##LEVEL(&NAME##_##LEVEL, )

OCTET_CONV(OCTET_DECLARE_CONV)

std::span<const ConvKernel* const> conv_kernels() {
    static constexpr const ConvKernel* list[] = {OCTET_CONV(OCTET_CONV_ENTRY)};
    return list;
}

}  // namespace octet::kernels
