#include "engine/cpu/arithmetic.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace octet::engine::cpu {
namespace {

// What convolution and batch normalization have in common; refers to the arrays of the caller.
kernels::Fixed16Spec spec_of(const Grid& y, const ActivationSpec& activation) {
    kernels::Fixed16Spec spec;
    spec.activation = activation.kind;
    spec.alpha = activation.alpha;
    spec.prelu_alpha = activation.channel_alpha;
    spec.clip_lo = activation.clip_lo;
    spec.clip_hi = activation.clip_hi;
    spec.function = activation.function;
    spec.gate = activation.gate;
    spec.channel_gain = activation.channel_gain;
    spec.out_scale = static_cast<double>(y.scale);
    if (y.dtype == DType::int16) {
        spec.output = kernels::OutputKind::s16;
    } else {
        spec.out_zero_point = unsigned_zero_point(y);
    }
    return spec;
}

// bias[c] / scale[c] as int32, or which channel does not fit.
Result<std::vector<std::int32_t>> integer_bias(const std::vector<double>& bias, const std::vector<double>& scale) {
    std::vector<std::int32_t> out;
    for (std::size_t c = 0; c < bias.size(); ++c) {
        const double value = std::nearbyint(bias[c] / scale[c]);
        if (!(std::abs(value) <= 2147483647.0)) {
            return fail(ErrorCode::unsupported,
                        "the bias of channel {} does not fit 32 bits on the accumulator's scale", c);
        }
        out.push_back(static_cast<std::int32_t>(value));
    }
    return out;
}

Result<kernels::Fixed16Storage> storage_of(const kernels::Fixed16Spec& spec) {
    auto storage = kernels::make_fixed16(spec);
    if (!storage) return fail(ErrorCode::unsupported, "{}", storage.error());
    return std::move(*storage);
}

struct WeightSums {
    std::int64_t plain = 0, absolute = 0;
};

WeightSums sums_of(std::span<const std::int8_t> weights) {
    WeightSums sums;
    // Of so many the sums fit into 32 bits, in which several are added at once.
    constexpr std::size_t block = std::size_t{1} << 20;
    while (!weights.empty()) {
        std::int32_t plain = 0, absolute = 0;
        for (const std::int8_t weight : weights.first(std::min(block, weights.size()))) {
            plain += weight;
            absolute += std::abs(int{weight});
        }
        sums.plain += plain;
        sums.absolute += absolute;
        weights = weights.subspan(std::min(block, weights.size()));
    }
    return sums;
}

}  // namespace

Result<kernels::Fixed16Storage> conv_epilogue(const ConvOp& conv, const Grid& y) {
    const Shape& oihw = conv.weights.shape();
    const auto cout = static_cast<std::size_t>(oihw[0]);
    const auto group_cin = static_cast<std::size_t>(oihw[1]);
    const auto taps = static_cast<std::size_t>(oihw[2] * oihw[3]);
    const std::size_t couts_per_group = cout / static_cast<std::size_t>(conv.groups);
    const auto weights = conv.weights.data<std::int8_t>();

    std::vector<double> acc_scale(cout);
    std::vector<std::int32_t> zero_point_sum(cout);  // sum of weight * zero point of its input channel
    std::vector<std::int64_t> abs_sum(cout);
    for (std::size_t o = 0; o < cout; ++o) {
        acc_scale[o] = static_cast<double>(conv.x.grid.scale) * conv.weight_scales[o];
        const std::size_t first_input = o / couts_per_group * group_cin;
        std::int64_t sum = 0;
        const auto add = [&](std::size_t input, std::size_t inputs, int zero_point) {
            const WeightSums sums = sums_of(weights.subspan((o * group_cin + input) * taps, inputs * taps));
            sum += sums.plain * zero_point;
            abs_sum[o] += sums.absolute;
        };
        const auto& channels = conv.x.channel_zero_points;
        if (channels.empty()) {
            add(0, group_cin, unsigned_zero_point(conv.x.grid));
        } else {
            for (std::size_t i = 0; i < group_cin; ++i) add(i, 1, channels[first_input + i]);
        }
        if (std::abs(sum) > std::numeric_limits<std::int32_t>::max()) {
            return fail(ErrorCode::unsupported, "the accumulator of channel {} can exceed 32 bits", o);
        }
        zero_point_sum[o] = static_cast<std::int32_t>(sum);
    }
    OCTET_ASSIGN(const std::vector<std::int32_t> bias, integer_bias(conv.bias, acc_scale));

    kernels::Fixed16Spec spec = spec_of(y, conv.activation);
    spec.acc_scale = acc_scale;
    spec.bias = bias;
    spec.weight_sum = zero_point_sum;
    spec.in_zero_point = 1;  // weight_sum holds the zero points already
    spec.weight_abs_sum = abs_sum;
    if (conv.x.grid.dtype == DType::int16) spec.in_max = 32768;
    if (conv.residual) spec.residual = conv.residual->grid;
    if (conv.relu_behind_residual) spec.out_min = std::max(spec.out_min, spec.out_zero_point);
    return storage_of(spec);
}

Result<IntegerBatchNorm> integer_batchnorm(const BatchNormOp& norm, const Grid& y) {
    IntegerBatchNorm result;
    double weight_scale = norm.weight_scale;
    if (!norm.weights.empty()) {
        result.weights.assign(norm.weights.begin(), norm.weights.end());
    } else {
        double largest = 0;
        for (double g : norm.gain) largest = std::max(largest, std::abs(g));
        weight_scale = largest > 0 ? largest / 32767 : 1;
        for (double g : norm.gain) result.weights.push_back(static_cast<std::int16_t>(std::lround(g / weight_scale)));
    }
    const std::vector<double> acc_scale(result.weights.size(), static_cast<double>(norm.x.grid.scale) * weight_scale);
    const std::vector<std::int32_t> weight_sum(result.weights.begin(), result.weights.end());
    std::vector<std::int64_t> abs_sum;
    for (std::int16_t w : result.weights) abs_sum.push_back(std::abs(int{w}));
    OCTET_ASSIGN(const std::vector<std::int32_t> bias, integer_bias(norm.bias, acc_scale));

    kernels::Fixed16Spec spec = spec_of(y, norm.activation);
    spec.acc_scale = acc_scale;
    spec.bias = bias;
    spec.weight_sum = weight_sum;
    spec.in_zero_point = unsigned_zero_point(norm.x.grid);
    spec.weight_abs_sum = abs_sum;
    OCTET_ASSIGN(result.epilogue, storage_of(spec));
    result.weights.resize(kernels::fixed16_entries(static_cast<int>(result.weights.size())));
    return result;
}

Result<kernels::AddParams> add_params(const AddOp& add, const Grid& y) {
    auto params = kernels::make_add(add.a.grid, add.b.grid, y, add.activation.kind, add.activation.alpha);
    if (!params) return fail(ErrorCode::unsupported, "{}", params.error());
    return *params;
}

Result<kernels::MulParams> mul_params(const MulOp& mul, const Grid& y) {
    auto params = kernels::make_mul(mul.a.grid, mul.b.grid, y, mul.activation.kind);
    if (!params) return fail(ErrorCode::unsupported, "{}", params.error());
    return *params;
}

Result<kernels::AvgPoolParams> avgpool_params(const AveragePoolOp& pool, const Grid& y) {
    auto params = kernels::make_avgpool(pool.x.grid, y);
    if (!params) return fail(ErrorCode::unsupported, "{}", params.error());
    return *params;
}

Result<kernels::RequantizeCopyParams> copy_params(const Grid& x, const Grid& y) {
    auto params = kernels::make_requantize_copy(x, y);
    if (!params) return fail(ErrorCode::unsupported, "{}", params.error());
    return *params;
}

int fraction_bits(const Grid& grid) {
    int exponent = 0;
    std::frexp(grid.scale, &exponent);
    return 1 - exponent;
}

}  // namespace octet::engine::cpu
