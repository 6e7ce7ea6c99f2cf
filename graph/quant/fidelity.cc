#include "graph/quant/fidelity.h"

#include <algorithm>
#include <cmath>

namespace octet::quant {

void Fidelity::add(std::span<const float> a, std::span<const float> b) {
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double x = a[i];
        const double y = b[i];
        signal += x * x;
        noise += (x - y) * (x - y);
        other += y * y;
        dot += x * y;
    }
}

void Fidelity::merge(const Fidelity& more) {
    signal += more.signal;
    noise += more.noise;
    other += more.other;
    dot += more.dot;
}

double Fidelity::sqnr_db() const {
    constexpr double bound = 99;
    if (noise == 0) return bound;
    if (signal == 0) return -bound;
    return std::clamp(10 * std::log10(signal / noise), -bound, bound);
}

double Fidelity::cosine() const {
    if (signal == 0 && other == 0) return 1;
    if (signal == 0 || other == 0) return 0;
    return dot / std::sqrt(signal * other);
}

}  // namespace octet::quant
