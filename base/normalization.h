#pragma once

#include <array>

namespace octet {

// How pixels (0 … 255) become a network's input: (pixel / 255 − mean) / std, for R, G and B. The defaults are
// ImageNet's statistics, with which YOLOP was trained.
struct Normalization {
    std::array<float, 3> mean{0.485F, 0.456F, 0.406F};
    std::array<float, 3> std{0.229F, 0.224F, 0.225F};

    friend bool operator==(const Normalization&, const Normalization&) = default;
};

inline constexpr Normalization no_normalization{{0, 0, 0}, {1, 1, 1}};  // pixel / 255

}  // namespace octet
