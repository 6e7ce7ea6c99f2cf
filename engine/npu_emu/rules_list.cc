// What each rule is, where its formula comes from, and which program's output it equals: tests/engine/npu_emu reads
// this list, and compares every value that it names.

#include "engine/npu_emu/rules.h"

namespace octet::engine::npu_emu {
namespace {

constexpr std::string_view litert_ref = "LiteRT 2.3.0, reference kernels",
                           ruy = "LiteRT 2.3.0, optimized kernels (ruy)", xnnpack = "LiteRT 2.3.0, XNNPACK",
                           tflm = "TFLite Micro, reference kernels", tosa = "TOSA reference model 2026.8.0",
                           ort = "ONNX Runtime 1.32.0, x86-64", ort_arm = "ONNX Runtime 1.32.0, arm64",
                           ruy_arm = "LiteRT 2.3.0, arm64, ruy", ref_arm = "LiteRT 2.3.0, arm64, reference kernels",
                           xnn_arm = "LiteRT 2.3.0, arm64, XNNPACK",
                           onnx_reference = "onnx 1.23.2, reference evaluator", vela = "Vela 5.2.0 (tables)";

// A file with a * stands for all that begin so.
constexpr std::string_view accumulators = "probes/conv_requant_*", ties = "probes/conv_requant_pow2_ties.npz",
                           wide = "probes/conv16x8_beyond_int32.npz", requants = "probes/requant_random.npz",
                           arm = "probes_arm/cortex-a72.npz", adds = "probes/add_all_pairs.npz",
                           subs = "probes/sub_all_pairs.npz", muls = "probes/mul_all_pairs.npz",
                           leakys = "probes/leaky_random.npz", swishes = "probes/hardswish_random.npz",
                           sigmoids = "probes/sigmoid_random.npz", tanhs = "probes/tanh_random.npz",
                           relus = "probes/relu_random.npz", averages = "probes/avgpool_3x3.npz",
                           tables = "d_ethos_u/luts.json";

constexpr int all_accumulators = 200'000, some = 40'000, unary = 12 * 256, pairs_add = 10 * 65'536,
              pairs_sub = 3 * 65'536, pairs_mul = 8 * 65'536, luts = 48 * 256, pooled = 32 * 32 * 8;

constexpr Proof double_proofs[] = {
    {litert_ref, accumulators, "litert_ref", all_accumulators},
    {tflm, accumulators, "tflm", all_accumulators},
    {tosa, accumulators, "tosa", all_accumulators},
    {ref_arm, arm, "tfl_conv_*|ref", all_accumulators},
};
constexpr Proof double_up_proofs[] = {{ruy, accumulators, "litert_opt", all_accumulators}};
constexpr Proof single_proofs[] = {
    {tosa, accumulators, "tosa_single", all_accumulators},
    {ruy_arm, arm, "tfl_conv_*|opt", all_accumulators},
};
constexpr Proof tosa_double_proofs[] = {{tosa, accumulators, "tosa", all_accumulators}};
constexpr Proof m16_proofs[] = {
    {litert_ref, wide, "litert_ref", some},
    {ruy, wide, "litert_opt", some},
    {xnnpack, wide, "litert_xnnpack", some},
    {tflm, wide, "tflm", some},
    {tosa, wide, "tosa", some},
};
constexpr Proof fp32_proofs[] = {
    {xnnpack, accumulators, "litert_xnnpack", all_accumulators},
    {ort, accumulators, "ort_qlinearconv_u8", all_accumulators},
    {ort, accumulators, "ort_qlinearconv_s8", all_accumulators},
    {ort, accumulators, "ort_qdq_u8_on", all_accumulators},
    {xnn_arm, arm, "tfl_conv_*|xnn", all_accumulators},
    {ort_arm, arm, "ort_qlinearconv_u8_*", all_accumulators},
    {ort_arm, arm, "ort_qlinearconv_s8_*", all_accumulators},
};
constexpr Proof dq_float_proofs[] = {
    {ort, accumulators, "ort_qdq_u8_off", all_accumulators},
    {ort, accumulators, "ort_qdq_s8_off", all_accumulators},
    {ort, accumulators, "ort_qdq_s8_on", all_accumulators},
    {ort_arm, arm, "ort_qdq_u8_*_off", all_accumulators},
};
constexpr Proof onnx_ref_proofs[] = {{onnx_reference, accumulators, "onnx_reference_evaluator", all_accumulators}};
constexpr Proof half_up_proofs[] = {{ruy, ties, "litert_opt", some}};
constexpr Proof half_away_proofs[] = {{litert_ref, ties, "litert_ref", some}};
constexpr Proof rne_proofs[] = {{xnnpack, ties, "litert_xnnpack", some}};
constexpr Proof q8_proofs[] = {
    {xnnpack, requants, "litert_xnnpack", unary},
    {xnn_arm, arm, "tfl_requant_*|xnn", unary},
};
constexpr Proof requantize_double_proofs[] = {
    {litert_ref, requants, "litert_ref", unary},
    {tflm, requants, "tflm", unary},
    {tosa, requants, "tosa", unary},
};
constexpr Proof requantize_up_proofs[] = {
    {ruy, requants, "litert_opt", unary},
    {ruy_arm, arm, "tfl_requant_*|opt", unary},
};
constexpr Proof tfl_20_proofs[] = {
    {litert_ref, adds, "litert_ref", pairs_add}, {ruy, adds, "litert_opt_minus_ref", pairs_add},
    {tflm, adds, "tflm_minus_ref", pairs_add},   {tosa, adds, "tosa_minus_ref", pairs_add},
    {litert_ref, subs, "litert_ref", pairs_sub}, {ruy, subs, "litert_opt_minus_ref", pairs_sub},
    {tflm, subs, "tflm_minus_ref", pairs_sub},   {tosa, subs, "tosa_minus_ref", pairs_sub},
    {ruy_arm, arm, "tfl_add_*|opt", pairs_add},
};
constexpr Proof xnn_21_proofs[] = {
    {xnnpack, adds, "litert_xnnpack_minus_ref", pairs_add},
    {xnnpack, subs, "litert_xnnpack_minus_ref", pairs_sub},
    {xnn_arm, arm, "tfl_add_*|xnn", pairs_add},
};
constexpr Proof ort_fma_proofs[] = {{ort, "probes/ort_qlinearadd_u8.npz", "y", 11 * 65'536}};
constexpr Proof ort_22_proofs[] = {
    {ort_arm, arm, "ort_QLinearAdd_u8_*", 11 * 65'536},
    {ort_arm, arm, "ort_QLinearAdd_s8_*", 11 * 65'536},
};
constexpr Proof mul_double_proofs[] = {
    {litert_ref, muls, "litert_ref", pairs_mul}, {ruy, muls, "litert_opt_minus_ref", pairs_mul},
    {tflm, muls, "tflm_minus_ref", pairs_mul},   {tosa, muls, "tosa_minus_ref", pairs_mul},
    {ruy_arm, arm, "tfl_mul_*|opt", pairs_mul},
};
constexpr Proof mul_fp32_proofs[] = {
    {xnnpack, muls, "litert_xnnpack_minus_ref", pairs_mul},
    {xnn_arm, arm, "tfl_mul_*|xnn", pairs_mul},
};
constexpr Proof ort_mul_proofs[] = {
    {ort, "probes/ort_qlinearmul_u8.npz", "y", 9 * 65'536},
    {ort_arm, arm, "ort_QLinearMul_u8_*", 9 * 65'536},
    {ort_arm, arm, "ort_QLinearMul_s8_*", 9 * 65'536},
};
constexpr Proof leaky_double_proofs[] = {
    {litert_ref, leakys, "litert_ref", unary},
    {ruy, leakys, "litert_opt", unary},
    {tflm, leakys, "tflm", unary},
    {tosa, leakys, "tosa", unary},
    {vela, tables, "leaky", luts},
};
constexpr Proof leaky_q8_proofs[] = {
    {xnnpack, leakys, "litert_xnnpack", unary},
    {xnn_arm, arm, "tfl_leaky_*|xnn", unary},
};
constexpr Proof hardswish_proofs[] = {
    {litert_ref, swishes, "litert_ref", unary},
    {ruy, swishes, "litert_opt", unary},
    {xnnpack, swishes, "litert_xnnpack", unary},
    {tflm, swishes, "tflm", unary},
    {tosa, swishes, "tosa", unary},
    {vela, tables, "hardswish", luts},
};
constexpr Proof sigmoid_proofs[] = {
    {litert_ref, sigmoids, "litert_ref", unary},
    {ruy, sigmoids, "litert_opt", unary},
    {xnnpack, sigmoids, "litert_xnnpack", unary},
    {tflm, sigmoids, "tflm", unary},
    {tosa, sigmoids, "tosa", unary},
    {vela, tables, "sigmoid", luts},
};
constexpr Proof tanh_proofs[] = {
    {litert_ref, tanhs, "litert_ref", unary},
    {ruy, tanhs, "litert_opt", unary},
    {xnnpack, tanhs, "litert_xnnpack", unary},
    {tflm, tanhs, "tflm", unary},
    {tosa, tanhs, "tosa", unary},
    {vela, tables, "tanh", luts},
};
constexpr Proof relu_proofs[] = {
    {litert_ref, relus, "litert_ref", unary},
    {ruy, relus, "litert_opt", unary},
    {xnnpack, relus, "litert_xnnpack", unary},
    {tflm, relus, "tflm", unary},
    {tosa, relus, "tosa", unary},
};
constexpr Proof concat_proofs[] = {{litert_ref, "probes/concat_u8.npz", "litert_ref", 24 * 512}};
constexpr Proof average_proofs[] = {
    {litert_ref, averages, "litert_ref", pooled},
    {ruy, averages, "litert_opt", pooled},
    {xnnpack, averages, "litert_xnnpack", pooled},
    {tflm, averages, "tflm", pooled},
    {tosa, averages, "tosa", pooled},
};

constexpr Proof mlas_conv_proofs[] = {{ort, "mlas/float_operators.npz", "conv_*_y", 5'587}};
constexpr Proof mlas_float_proofs[] = {{ort, "mlas/float_operators.npz", "bn_y", 2 * 12 * 7 * 9}};

constexpr std::string_view gemmlowp = "gemmlowp fixedpoint.h", tosa_spec = "TOSA 1.0 specification, apply_scale",
                           ethos_spec = "Ethos-U rounding modes, Arm 102420", onnx_spec = "ONNX QuantizeLinear";

constexpr RuleInfo rules[] = {
    {"conv", "double", "h = (x*2^max(e,0)*m + 2^30) >> 31; h / 2^max(-e,0), half away from zero", gemmlowp,
     double_proofs},
    {"conv", "double-up", "h = (x*2^max(e,0)*m + 2^30) >> 31; (h + 2^(-e-1)) >> -e", "ruy; Arm SQRDMULH, SRSHL",
     double_up_proofs},
    {"conv", "single", "(x*m + 2^(sh-1)) >> sh", tosa_spec, single_proofs},
    {"conv", "tosa-double", "r = 2^(sh-1) +- 2^30 where sh > 31; (x*m + r) >> sh", tosa_spec, tosa_double_proofs},
    {"conv", "m16", "m16 = (m + 2^15) >> 16; (x*m16 + 2^(14-e)) >> (15-e), x of 48 bits", "TFLite 16x8", m16_proofs},
    {"conv", "fp32", "RNE(clamp((float)x * S)) + zp, S = xs*ws/ys in float32", "MLAS, XNNPACK", fp32_proofs},
    {"conv", "dq-float", "RNE(((float)x * (xs*ws)) / ys) + zp", onnx_spec, dq_float_proofs},
    {"conv", "mlas-float", "RNE(y / ys) + zp, y the float32 sum of dequantized products in MLAS's order (mlas.h)",
     "MLAS convolve, sgemm, x86 with FMA", mlas_conv_proofs},
    {"conv", "onnx-ref", "RNE(x*S + zp)", onnx_spec, onnx_ref_proofs},
    {"conv", "ethos-symmetric", "(x*m + 2^(sh-1) - (x < 0)) >> sh", ethos_spec, {}},
    {"conv", "ethos-truncate", "x*m / 2^sh towards zero", ethos_spec, {}},
    {"conv", "ethos-floor", "(x*m) >> sh", ethos_spec, {}},
    {"conv", "single-even", "x*m / 2^sh, half to even", "IEEE 754 roundTiesToEven on integers", {}},
    {"conv", "double-truncating", "h = (x*2^max(e,0)*m) >> 31; (h + 2^(-e-1)) >> -e", "Arm SQDMULH, SRSHL", {}},
    {"conv", "pow2-floor", "S = 2^-s: x >> s", "shift", {}},
    {"conv", "pow2-half-up", "S = 2^-s: (x + 2^(s-1)) >> s", "shift", half_up_proofs},
    {"conv", "pow2-half-away", "S = 2^-s: x / 2^s, half away from zero", "shift", half_away_proofs},
    {"conv", "pow2-rne", "S = 2^-s: RNE(x / 2^s)", "shift", rne_proofs},
    {"conv",
     "fixed16",
     "16-bit fixed point with the activation and the shortcut inside",
     "octet kernels/requantize.h",
     {}},
    {"requantize", "double", "as conv, on x - zx, S = xs/ys", gemmlowp, requantize_double_proofs},
    {"requantize", "double-up", "as conv, on x - zx, S = xs/ys", "ruy", requantize_up_proofs},
    {"requantize", "q8", "(x*lrint(256*xs/ys) + (zp << 8) + 128) >> 8", "XNNPACK vcvt", q8_proofs},
    {"add", "tfl-20", "both << 20, to tm = 2*max(as, bs), summed, to ys; each by the double rule", "TFLite add.h",
     tfl_20_proofs},
    {"add", "xnn-21", "(a*lrint(p*2^s) + b*lrint(r*2^s) + 2^(s-1)) >> s, p = as/ys, r = bs/ys", "XNNPACK qs8-vadd",
     xnn_21_proofs},
    {"add", "ort-fma", "RNE(fma(A, ra, fma(B, rb, zp - fma(ra, za, rb*zb))))", "MLAS QLinearAdd, x86", ort_fma_proofs},
    {"add", "ort-22", "(a*lrint(ra*2^s) + b*lrint(rb*2^s)) / 2^s, half away from zero, s = 21 - exponent",
     "MLAS QLinearAdd, Arm", ort_22_proofs},
    {"add", "dq-float", "RNE((a*as + b*bs) / ys) + zp", onnx_spec, {}},
    {"add",
     "ethos-one",
     "the operand of the smaller scale by one multiplier, summed, to ys by the double rule",
     ethos_spec,
     {}},
    {"mul", "double", "as conv, on (a - za)*(b - zb), S = as*bs/ys", gemmlowp, mul_double_proofs},
    {"mul", "double-f32", "as double, S = as*bs/ys in float32", "Vela's command stream for Ethos-U", {}},
    {"mul", "fp32", "as conv, on (a - za)*(b - zb)", "XNNPACK qs8-vmul", mul_fp32_proofs},
    {"mul", "ort-mul", "RNE((a - za)*(b - zb)*S + zp)", "MLAS QLinearMul", ort_mul_proofs},
    {"mul", "dq-float", "RNE((a*as) * (b*bs) / ys) + zp", onnx_spec, {}},
    {"leaky_relu", "double", "x >= 0 ? x*S : x*(alpha*S), two multipliers", "TFLite leaky_relu.h", leaky_double_proofs},
    {"leaky_relu", "q8", "as requantize q8, with two slopes", "XNNPACK vlrelu", leaky_q8_proofs},
    {"hardswish", "tfl-hs", "16-bit fixed point: sdhm(((x*S3 + 1) / 2), x*S)", "TFLite hard_swish.h", hardswish_proofs},
    {"sigmoid", "float-table", "RNE(f((x - zx)*xs) / ys) + zp for each of 256 integers", onnx_spec, sigmoid_proofs},
    {"tanh", "float-table", "RNE(f((x - zx)*xs) / ys) + zp for each of 256 integers", onnx_spec, tanh_proofs},
    {"relu", "double", "as requantize, not below the zero point", gemmlowp, relu_proofs},
    {"concat", "tfl-u8", "round(x*(s/y) - z*(s/y)) + zp in float32, half away from zero", "TFLite concatenation.h",
     concat_proofs},
    {"average_pool", "tfl", "(sum + count/2) / count, half away from zero, on stored integers", "TFLite pooling.h",
     average_proofs},
    {"float", "mlas", "as octet; BatchNormalization: s = scale*(1/sqrt(variance + epsilon)), x*s + (bias - mean*s)",
     "ONNX Runtime batch_norm.h", mlas_float_proofs},
};

}  // namespace

std::span<const RuleInfo> list_rules() {
    return rules;
}

}  // namespace octet::engine::npu_emu
