#pragma once

// How near a tensor is to another one.
//
//   SQNR = 10·log10(Σ a² / Σ (a − b)²) dB        cosine = Σ a·b / √(Σ a² · Σ b²)

#include <span>

namespace octet::quant {

// Sums over any number of tensors; merge() in a fixed order gives a reproducible result.
struct Fidelity {
    double signal = 0;  // Σ a²
    double noise = 0;   // Σ (a − b)²
    double other = 0;   // Σ b²
    double dot = 0;     // Σ a·b

    void add(std::span<const float> a, std::span<const float> b);
    void merge(const Fidelity& more);
    // Bounded to [−99, 99]: 99 where there is no noise.
    double sqnr_db() const;
    // 1 where both are 0 everywhere.
    double cosine() const;
};

}  // namespace octet::quant
