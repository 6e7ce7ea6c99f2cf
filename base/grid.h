#pragma once

// Which real numbers the integers of a quantized tensor stand for:
//
//     real = scale * (q - zero_point)

#include <cstdint>

#include "base/dtype.h"

namespace octet {

struct Grid {
    DType dtype = DType::uint8;  // of q
    float scale = 1;
    std::int32_t zero_point = 0;

    friend bool operator==(const Grid&, const Grid&) = default;
};

// Of q's bytes as unsigned numbers, as planes hold them: int8 with 128 added.
constexpr std::int32_t unsigned_zero_point(const Grid& grid) {
    return grid.dtype == DType::int8 ? grid.zero_point + 128 : grid.zero_point;
}

}  // namespace octet
