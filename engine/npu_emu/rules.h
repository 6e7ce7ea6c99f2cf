#pragma once

// Integer arithmetic of runtimes and NPUs, exactly: every rule is a pure function of integers and scales. What proves a
// rule stands in list_rules(); a profile (profile.h) names one rule for each kind of operator.
//
// Notation: >> is an arithmetic shift, RNE rounds to nearest even. A real scale S becomes (m, e):
//
//     S = m * 2^(e - 31),  m in [2^30, 2^31),  sh = 31 - e        S = xs * ws / ys, in double if not said otherwise
//
// x, a, b: operands with their zero points subtracted; xs, ws, ys: scales; zp: the result's zero point. Every result is
// clamped to [qmin, qmax].

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/grid.h"
#include "base/result.h"

namespace octet::engine::npu_emu {

// ---- multipliers

struct Multiplier {
    std::int32_t m = 0;  // 0 stands for S = 0
    int e = 0;
};
// frexp, rounded half away; gemmlowp's and TFLite's QuantizeMultiplier. S < 2^-32 becomes 0, as there.
Multiplier quantize_multiplier(double scale);
// The same with so many bits instead of 32, sign included: half up, and no carry into the next power of two.
Multiplier reduce_multiplier(Multiplier multiplier, int bits);

// ---- an accumulator to the result's grid

enum class RequantRule : std::uint8_t {
    double_round,     // h = (x * 2^max(e,0) * m + 2^30) >> 31; h / 2^max(-e,0), half away from zero
    double_up,        // the same two steps, both half up
    single,           // (x * m + 2^(sh-1)) >> sh
    tosa_double,      // r = 2^(sh-1), and +-2^30 with the sign of x where sh > 31; (x * m + r) >> sh
    m16,              // m16 = m < 0x7FFF0000 ? (m + 2^15) >> 16 : 0x7FFF; (x * m16 + 2^(14-e)) >> (15 - e)
    fp32,             // RNE(clamp((float)x * S, qmin - zp, qmax - zp)) + zp, S in float32 from the left
    dq_float,         // RNE(((float)x * (xs * ws)) / ys) + zp in float32
    onnx_ref,         // RNE(x * S + zp), the product in double, S in float32
    ethos_symmetric,  // (x * m + 2^(sh-1) - (x < 0)) >> sh
    ethos_truncate,   // towards zero
    ethos_floor,      // towards minus infinity
    pow2_floor,       // S = 2^-s: x >> s, rounded as named
    pow2_half_up,
    pow2_half_away,
    pow2_rne,
    single_even,        // (x * m) / 2^sh, half to even
    double_truncating,  // h = (x * 2^max(e,0) * m) >> 31; (h + 2^(-e-1)) >> -e
    q8,                 // (x * lrint(256 * (xs / ys)) + (zp << 8) + 128) >> 8; of 8-bit x
};
inline constexpr int requant_rules = 18;
std::string_view name_of(RequantRule rule);
std::optional<RequantRule> requant_rule(std::string_view name);

struct Range {
    int min = -128, max = 127;
};

// One scale of one rule, ready to be used.
struct Requantizer {
    RequantRule rule = RequantRule::double_round;
    std::int32_t m = 0;
    int e = 0;
    float acc_scale = 0, y_scale = 1;  // dq_float
    float scale = 0;                   // fp32, onnx_ref; q8: the integer multiplier
    std::int32_t zero_point = 0;
    Range range;
};

struct MultiplierForm {
    int bits = 32;
    bool from_float32 = false;  // S = xs * ws / ys in float32
    friend bool operator==(const MultiplierForm&, const MultiplierForm&) = default;
};

// S = (xs * ws) / ys. Fails where the rule cannot hold the scale: not finite, outside of 2^-62 … 2^31, or no power of
// two where the rule wants one.
Result<Requantizer> make_requantizer(RequantRule rule, float xs, float ws, float ys, int zero_point, Range range,
                                     MultiplierForm form = {});
// x beyond 32 bits is saturated to 32 by the rules whose hardware takes 32 bits: double, double-up, single,
// tosa-double, double-truncating.
std::int32_t requantize(std::int64_t x, const Requantizer& requantizer);
// The same for each element. `out` as long as `acc`.
void requantize(std::span<const std::int32_t> acc, const Requantizer& requantizer, std::span<std::int32_t> out);
// x * S alone, not clamped: for the rules of (m, e).
std::int32_t multiply(RequantRule rule, std::int64_t x, Multiplier multiplier);

// ---- two operands

enum class AddRule : std::uint8_t {
    tfl_20,     // tm = 2 * max(as, bs); (a << 20) * as/tm + (b << 20) * bs/tm, then * tm / (2^20 * ys); 16 bits: 15
    xnn_21,     // p = as/ys, r = bs/ys in float32, s = 20 - exponent(max); (a * lrint(p * 2^s) + b * lrint(r * 2^s) +
                // 2^(s-1)) >> s
    ort_fma,    // raw A, B: c = zp - fma(ra, za, rb * zb); RNE(fma(A, ra, fma(B, rb, c))), ra = as/ys, rb = bs/ys
    ort_22,     // 22-bit multipliers lrint(r * 2^s), s = 21 - exponent(max); one shift, half away from zero
    dq_float,   // RNE((a * as + b * bs) / ys) + zp in float32
    ethos_one,  // of the smaller scale: (q << 20) * s/tm as one multiplication, half up; the other q << 19; then double
};
std::string_view name_of(AddRule rule);
std::optional<AddRule> add_rule(std::string_view name);

enum class MulRule : std::uint8_t {
    requant,   // a requantization rule on a * b, S = as * bs / ys
    ort_mul,   // RNE((float)(a * b) * S + zp), S in float32
    dq_float,  // RNE(((a * as) * (b * bs)) / ys) + zp in float32
};

struct Adder {
    AddRule rule = AddRule::tfl_20;
    RequantRule steps = RequantRule::double_round;  // tfl_20
    bool subtract = false;
    int shift = 20;  // tfl_20, ethos_one
    Multiplier a, b, out;
    float a_scale = 0, b_scale = 0, y_scale = 1, bias = 0;
    std::int64_t a_int = 0, b_int = 0;  // xnn_21, ort_22
    int a_zero = 0, b_zero = 0, zero_point = 0;
    Range range;
};
Result<Adder> make_adder(AddRule rule, RequantRule steps, const Grid& a, const Grid& b, const Grid& y, Range range,
                         bool subtract = false);
// a and b as stored.
std::int32_t add(std::int32_t a, std::int32_t b, const Adder& adder);

struct Multiplication {
    MulRule rule = MulRule::requant;
    Requantizer requantizer;
    float a_scale = 0, b_scale = 0, y_scale = 1, scale = 0;
    int a_zero = 0, b_zero = 0, zero_point = 0;
    Range range;
};
Result<Multiplication> make_multiplication(MulRule rule, RequantRule requant, const Grid& a, const Grid& b,
                                           const Grid& y, Range range, MultiplierForm form = {});
std::int32_t multiply(std::int32_t a, std::int32_t b, const Multiplication& multiplication);

// ---- one operand: tables of 256 entries, from the smallest 8-bit integer of x's type

using ByteTable = std::array<std::int32_t, 256>;

// x between two grids.
Result<ByteTable> requantize_table(RequantRule rule, const Grid& x, const Grid& y, Range range,
                                   MultiplierForm form = {});
// x >= 0 ? x * S : x * (alpha * S), each by the rule.
Result<ByteTable> leaky_table(RequantRule rule, const Grid& x, const Grid& y, float alpha, Range range,
                              MultiplierForm form = {});
// TFLite's 16-bit fixed-point HardSwish: x << 7, once scaled to the result's grid, once to relu6's, their product.
ByteTable hardswish_table(const Grid& x, const Grid& y, Range range);
// TFLite's concatenation of uint8: x * (s / y) - z * (s / y) in float32, half away from zero.
ByteTable concat_u8_table(const Grid& x, const Grid& y);

// TFLite's average: (sum + count / 2) / count, half away from zero, on the stored integers.
std::int32_t average(std::int64_t sum, std::int64_t count);

// ---- what there is, and what proves it

struct Proof {
    std::string_view program;  // that was run
    std::string_view file;     // of data/truth; with a * all that begin so
    std::string_view array;    // of the file; the same
    int values = 0;            // that it computed, all equal to the rule's
};
struct RuleInfo {
    std::string_view operation;  // "requantize", "add", …
    std::string_view name;       // as profiles spell it
    std::string_view formula;
    std::string_view source;        // of the formula
    std::span<const Proof> proofs;  // none: by specification only
};
std::span<const RuleInfo> list_rules();

}  // namespace octet::engine::npu_emu
