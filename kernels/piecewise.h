#pragma once

// A real function as fixed16's table activation (requantize.h): 64 segments of one width over what matters of its domain.

#include <array>
#include <functional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "kernels/requantize.h"

namespace octet::kernels {

// Elementwise, of all values at once.
using RealFunction = std::function<std::vector<double>(std::span<const double>)>;

struct PiecewiseSpec {
    RealFunction function;
    double reach = 0;                // of |x|: what the accumulators can come to
    double lowest = 0, highest = 0;  // the result is clamped to: beyond, the output saturates
    double step = 0;                 // of the output: what is flat to a 32nd of it ends the domain
    double half_width = 0;           // of the domain, around 0; 0: what matters
};

struct Piecewise {
    double centre = 0, half_width = 0;  // of the domain
    std::array<double, table_segments + 1>
        nodes{};             // real values, moved off the curve so that no chord errs on average
    double worst_error = 0;  // of the interpolation
};

// Fails where the function is not finite over its domain.
tl::expected<Piecewise, std::string> fit_piecewise(const PiecewiseSpec& spec);

}  // namespace octet::kernels
