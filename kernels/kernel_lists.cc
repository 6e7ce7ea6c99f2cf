// Every implementation of the elementwise families, fast to reference: what dispatch, tests and benchmarks see.

#include "kernels/add.h"
#include "kernels/batchnorm.h"
#include "kernels/concat.h"
#include "kernels/dequantize.h"
#include "kernels/detect_decode.h"
#include "kernels/gemm_f32.h"
#include "kernels/lut.h"
#include "kernels/maxpool.h"
#include "kernels/quantize.h"
#include "kernels/resize_nearest.h"
#include "kernels/sigmoid.h"

namespace octet::kernels {

#ifdef OCTET_HAVE_X86_KERNELS
#define OCTET_X86(...) __VA_ARGS__
#else
#define OCTET_X86(...)
#endif

#define OCTET_REFERENCE(NAME) {#NAME, needs::reference, &NAME},
#define OCTET_AVX2(NAME) {#NAME, needs::avx2, &NAME},
#define OCTET_AVX512(NAME) {#NAME, needs::avx512vnni, &NAME},

#define OCTET_LIST(FAMILY, FUNCTION, ...)                              \
    KernelList<FUNCTION> FAMILY() {                                    \
        static constexpr KernelEntry<FUNCTION> list[] = {__VA_ARGS__}; \
        return list;                                                   \
    }

OCTET_LIST(batchnorm_kernels, BatchNormFunction,
           OCTET_X86(OCTET_AVX512(batchnorm_u8_avx512vnni) OCTET_AVX2(batchnorm_u8_avx2))
               OCTET_REFERENCE(batchnorm_u8_reference))
OCTET_LIST(add_kernels, AddFunction,
           OCTET_X86(OCTET_AVX512(add_u8_avx512vnni) OCTET_AVX2(add_u8_avx2)) OCTET_REFERENCE(add_u8_reference))
OCTET_LIST(concat_kernels, ConcatFunction, OCTET_X86(OCTET_AVX2(concat_u8_avx2)) OCTET_REFERENCE(concat_u8_reference))
OCTET_LIST(maxpool_kernels, MaxPoolFunction,
           OCTET_X86(OCTET_AVX2(maxpool_u8_avx2)) OCTET_REFERENCE(maxpool_u8_reference))
OCTET_LIST(resize_nearest_kernels, ResizeNearestFunction,
           OCTET_X86(OCTET_AVX2(resize_nearest_u8_avx2)) OCTET_REFERENCE(resize_nearest_u8_reference))
OCTET_LIST(quantize_kernels, QuantizeFunction,
           OCTET_X86(OCTET_AVX2(quantize_f32_u8_avx2)) OCTET_REFERENCE(quantize_f32_u8_reference))
OCTET_LIST(pixels_kernels, PixelsFunction, OCTET_X86(OCTET_AVX2(pixels_u8_avx2)) OCTET_REFERENCE(pixels_u8_reference))
OCTET_LIST(dequantize_kernels, DequantizeFunction,
           OCTET_X86(OCTET_AVX2(dequantize_f32_avx2)) OCTET_REFERENCE(dequantize_f32_reference))
OCTET_LIST(lut_kernels, LutFunction, OCTET_X86(OCTET_AVX2(lut_u8_avx2)) OCTET_REFERENCE(lut_u8_reference))
OCTET_LIST(sigmoid_kernels, SigmoidFunction,
           OCTET_X86(OCTET_AVX2(sigmoid_s16_f32_avx2)) OCTET_REFERENCE(sigmoid_s16_f32_reference))
OCTET_LIST(detect_decode_kernels, DetectDecodeFunction,
           OCTET_X86(OCTET_AVX2(detect_decode_s16_avx2)) OCTET_REFERENCE(detect_decode_s16_reference))
OCTET_LIST(gemm_f32_kernels, GemmF32Function,
           OCTET_X86(OCTET_AVX512(gemm_f32_12x32_avx512vnni) OCTET_AVX2(gemm_f32_6x16_avx2))
               OCTET_REFERENCE(gemm_f32_reference))

}  // namespace octet::kernels
