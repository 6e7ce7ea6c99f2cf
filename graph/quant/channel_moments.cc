#include "graph/quant/channel_moments.h"

#include <algorithm>

namespace octet::quant {

void ChannelMoments::add(const Tensor& tensor) {
    const auto channels = static_cast<std::size_t>(tensor.shape()[1]);
    const auto images = static_cast<std::size_t>(tensor.shape()[0]);
    const auto values = tensor.data<float>();
    sums.resize(channels);
    squares.resize(channels);
    const std::size_t plane = values.size() / (channels * images);
    for (std::size_t i = 0; i < images * channels; ++i) {
        double sum = 0, square = 0;
        for (const float value : values.subspan(i * plane, plane)) {
            const auto x = static_cast<double>(value);
            sum += x;
            square += x * x;
        }
        sums[i % channels] += sum;
        squares[i % channels] += square;
    }
    count += static_cast<double>(images * plane);
}

void ChannelMoments::merge(const ChannelMoments& more) {
    sums.resize(more.sums.size());
    squares.resize(more.squares.size());
    for (std::size_t c = 0; c < sums.size(); ++c) {
        sums[c] += more.sums[c];
        squares[c] += more.squares[c];
    }
    count += more.count;
}

double ChannelMoments::variance(std::size_t channel) const {
    const double mean = sums[channel] / count;
    return std::max(squares[channel] / count - mean * mean, 0.0);
}

double noise_to_signal(std::span<const double> noise, const ChannelMoments& signal) {
    constexpr double least_signal = 1.0 / 400;
    const std::size_t channels = signal.sums.size();
    double mean = 0, sum = 0;
    for (std::size_t c = 0; c < channels; ++c) mean += signal.variance(c) / static_cast<double>(channels);
    for (std::size_t c = 0; c < channels; ++c) {
        const double own = signal.variance(c) + least_signal * mean;
        if (own > 0) sum += std::min(noise[c] / own, 1.0);
    }
    return sum / static_cast<double>(channels);
}

}  // namespace octet::quant
