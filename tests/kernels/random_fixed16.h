#pragma once

// Epilogues with random but valid parameters, beyond what make_fixed16 would choose: every shift, edge multipliers.

#include <array>
#include <vector>

#include "kernels/requantize.h"
#include "tests/kernels/planes.h"

namespace octet::kernels {

class RandomFixed16 {
  public:
    // magnitude: about the largest |acc|; shifts bring it down to 16 bits more or less.
    RandomFixed16(int channels, OutputKind output, Activation activation, double magnitude, Random& random) {
        const auto padded = fixed16_entries(channels);
        bias_.assign(padded, 0);
        shift_.assign(padded, 0);
        mult_.assign(padded, 0);
        alpha_.assign(padded, 0);
        params.output = output;
        params.activation = activation;
        int natural = 0;
        while (natural < 30 && std::ldexp(magnitude, -natural) > 32767) ++natural;
        for (int c = 0; c < channels; ++c) {
            bias_[c] = random_int(random, -static_cast<int>(magnitude) / 2, static_cast<int>(magnitude) / 2);
            shift_[c] = random_int(random, 0, 9) == 0 ? random_int(random, 0, 31)
                                                      : std::max(0, natural - random_int(random, 0, 3));
            if (params.shifts_left() && random_int(random, 0, 3) == 0) shift_[c] = -random_int(random, 1, 15);
            mult_[c] = static_cast<std::int16_t>(random_int(random, 0, 9) == 0 ? 32767 * random_int(random, 0, 1)
                                                                               : random_int(random, 16384, 32767));
            const int least_alpha = activation == Activation::gated ? 0 : -32767;
            alpha_[c] = static_cast<std::int16_t>(random_int(random, least_alpha, 32767));
        }
        params.bias = bias_.data();
        params.shift = shift_.data();
        params.mult = mult_.data();
        const bool by_channel = activation == Activation::prelu || activation == Activation::gated;
        params.channel_alpha = by_channel ? alpha_.data() : nullptr;
        // Neighbours differ by 32767 at most, and now and then by that.
        const int highest = activation == Activation::gated ? 32767 : random_int(random, -1, 32767);
        const int lowest = highest - 32767;
        for (std::int16_t& node : nodes_) {
            node = static_cast<std::int16_t>(random_int(random, 0, 3) == 0
                                                 ? random_int(random, 0, 1) == 0 ? lowest : highest
                                                 : random_int(random, lowest, highest));
        }
        const bool interpolates = activation == Activation::table || activation == Activation::gated;
        params.nodes = interpolates ? nodes_.data() : nullptr;
        params.gate_shift = random_int(random, 1, 15);
        params.channels = channels;
        params.f = random_int(random, 0, 12);
        params.alpha = alpha_[0];
        // Now and then the lower bound is the larger one.
        params.clip_lo = static_cast<std::int16_t>(random_int(random, -20000, 5000));
        params.clip_hi = static_cast<std::int16_t>(random_int(random, -5000, 20000));
        params.out_mult =
            static_cast<std::int16_t>(random_int(random, 0, 3) == 0 ? 32767 : random_int(random, 0, 32767));
        params.doublings = output == OutputKind::u8 ? std::max(0, random_int(random, -4, 2)) : 0;
        params.out_shift = random_int(random, 1, 7);
        const int zero_point = random_int(random, 0, 255);
        params.offset = static_cast<std::int16_t>((zero_point << params.out_shift) + (1 << (params.out_shift - 1)));
        params.out_min = static_cast<std::uint8_t>(random_int(random, 0, 2) == 0 ? zero_point : 0);
        params.out_max = static_cast<std::uint8_t>(random_int(random, params.out_min, 255));
        params.residual_mult = static_cast<std::int16_t>(random_int(random, 0, 32767));
        params.residual_zero_point = static_cast<std::uint8_t>(random_int(random, 0, 255));
    }

    Fixed16 params;

  private:
    std::vector<std::int32_t> bias_, shift_;
    std::vector<std::int16_t> mult_, alpha_;
    std::array<std::int16_t, table_segments + 1> nodes_{};
};

}  // namespace octet::kernels
