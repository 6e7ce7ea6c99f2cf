#include "compare/difference.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace octet::compare {

Difference difference(const Tensor& a, const Tensor& b, const Grid* grid) {
    Difference result;
    result.elements = a.size();
    if (identical(a, b)) return result;
    // Integers that the network has without a grid, beside a dump's numbers.
    if (a.dtype() != b.dtype()) return difference(a.cast(DType::float32), b.cast(DType::float32), nullptr);
    constexpr std::size_t piece = 4096;
    std::vector<float> p, q;
    const auto flush = [&] {
        result.fidelity.add(p, q);
        p.clear();
        q.clear();
    };
    dispatch(a.dtype(), [&]<typename T>() {
        const auto x = a.data<T>(), y = b.data<T>();
        const auto is_nan = [](T v) { return std::isnan(static_cast<double>(v)); };
        for (std::size_t i = 0; i < x.size(); ++i) {
            const bool same = x[i] == y[i] || (is_nan(x[i]) && is_nan(y[i]));
            if (!same) {
                if (result.differing++ == 0) result.first = static_cast<std::int64_t>(i);
                const double apart = std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i]));
                if (!(apart <= result.largest)) result.largest = apart;
            }
            const auto real = [&](T v) {
                return grid ? grid->scale * static_cast<float>(static_cast<double>(v) - grid->zero_point)
                            : static_cast<float>(v);
            };
            p.push_back(real(x[i]));
            q.push_back(real(y[i]));
            if (p.size() == piece) flush();
        }
    });
    flush();
    return result;
}

std::int64_t first_differing(const Tensor& a, const Tensor& b) {
    if (a.dtype() != b.dtype() || a.size() != b.size()) return 0;
    const auto [at, other] = std::mismatch(a.raw(), a.raw() + a.bytes(), b.raw());
    return at == a.raw() + a.bytes() ? -1 : (at - a.raw()) / static_cast<std::int64_t>(dtype_size(a.dtype()));
}

std::int64_t count_differing(const Tensor& a, const Tensor& b, std::int64_t enough) {
    if (a.dtype() != b.dtype() || a.size() != b.size()) return std::max(a.size(), b.size());
    std::int64_t count = 0;
    const std::size_t size = dtype_size(a.dtype());
    for (std::int64_t i = 0; i < a.size() && count < enough; ++i) {
        const std::size_t at = static_cast<std::size_t>(i) * size;
        if (std::memcmp(a.raw() + at, b.raw() + at, size) != 0) ++count;
    }
    return count;
}

}  // namespace octet::compare
