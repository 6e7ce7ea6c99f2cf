#pragma once

// From real scales to the integers of requantize.h's fixed16.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/grid.h"
#include "kernels/piecewise.h"
#include "kernels/requantize.h"

namespace octet::kernels {

struct Fixed16Spec {
    // Per output channel; acc_scale = x_scale * w_scale_c.
    std::span<const double> acc_scale{};
    std::span<const std::int32_t> bias{};  // in units of acc_scale; empty: none
    std::span<const std::int32_t>
        weight_sum{};  // sum of the channel's weights, for the input's zero point; empty: zeros
    std::span<const std::int64_t>
        weight_abs_sum{};  // sum of |w|: proves that 32 bits hold every sum; empty: not proved
    int in_zero_point = 0;
    int in_max = 255;  // largest input value (batchnorm and convolutions over u8: 255)

    Activation activation = Activation::none;
    double alpha = 0;                       // leaky, -1 < alpha < 1
    std::span<const double> prelu_alpha{};  // per channel, the same range
    double clip_lo = 0, clip_hi = 0;        // may be infinite
    RealFunction function{};                // table
    // table: where function(x) = x * gate(x), gate rising from 0 to 1, all but there beyond +-gate_reach. Then
    // Activation::gated takes the place of a table that is not fine enough, or is for the sake of gains.
    RealFunction gate{};
    std::span<const double> channel_gain{};  // behind a function with a gate, per channel, > 0; empty: 1

    OutputKind output = OutputKind::u8;
    // u8: of the output. s16: the grid asked for, a power of two; p saturates beyond 16383 steps of it, behind
    // hardswish beyond 8191.
    double out_scale = 0;
    int out_zero_point = 0;
    int out_min = 0, out_max = 255;

    std::optional<Grid> residual{};  // added behind the activation, u8 only
};

// Beyond it, Swish's sigmoid is 0 or 1 to 2^-15.
inline constexpr double gate_reach = 32.0 / 3;

bool is_power_of_two(double scale);

// Owns the arrays that a Fixed16 points into.
class Fixed16Storage {
  public:
    Fixed16 view() const;

  private:
    friend tl::expected<Fixed16Storage, std::string> make_fixed16(const Fixed16Spec& spec);
    Fixed16 params_;
    std::vector<std::int32_t> bias_, shift_;
    std::vector<std::int16_t> mult_, channel_alpha_, nodes_;
};

// The error says which channel and which bound.
tl::expected<Fixed16Storage, std::string> make_fixed16(const Fixed16Spec& spec);

}  // namespace octet::kernels
