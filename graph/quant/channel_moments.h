#pragma once

// Mean and variance of an image's channels, and noise beside them.

#include <cstddef>
#include <span>
#include <vector>

#include "graph/ir/tensor.h"

namespace octet::quant {

// Sums over any number of tensors [N, C, …] of float32; merge() in a fixed order gives a reproducible result.
struct ChannelMoments {
    double count = 0;  // elements of a channel
    std::vector<double> sums, squares;

    void add(const Tensor& tensor);
    void merge(const ChannelMoments& more);
    double variance(std::size_t channel) const;
};

// The mean over the channels of noise / signal, a variance each. Of a channel that hardly changes, a 400th of the mean
// variance is the signal; noise counts no more than a signal.
double noise_to_signal(std::span<const double> noise, const ChannelMoments& signal);

}  // namespace octet::quant
