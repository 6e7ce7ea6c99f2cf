#include "apps/common/output_fidelity.h"

#include <algorithm>
#include <utility>

namespace octet::apps {
namespace {

// Adds the slices of one image along `axis`.
void add_channels(std::vector<quant::Fidelity>& channels, std::size_t axis, const Tensor& from, const Tensor& to) {
    const Shape& shape = from.shape();
    const auto count = static_cast<std::size_t>(shape[axis]);
    std::size_t run = 1;  // neighbours of one channel
    for (std::size_t i = axis + 1; i < shape.size(); ++i) run *= static_cast<std::size_t>(shape[i]);
    const auto a = from.data<float>(), b = to.data<float>();
    channels.resize(count);
    for (std::size_t begin = 0, i = 0; begin < a.size(); begin += run, ++i)
        channels[i % count].add(a.subspan(begin, run), b.subspan(begin, run));
}

}  // namespace

std::optional<std::size_t> OutputFidelity::worst_channel() const {
    if (channels.empty()) return std::nullopt;
    const auto worst = std::min_element(channels.begin(), channels.end(),
                                        [](const auto& a, const auto& b) { return a.sqnr_db() < b.sqnr_db(); });
    return static_cast<std::size_t>(worst - channels.begin());
}

std::vector<std::size_t> OutputFidelity::lost_channels() const {
    std::vector<std::size_t> lost;
    for (std::size_t c = 0; c < channels.size(); ++c) {
        if (channels[c].sqnr_db() < lost_below_db) lost.push_back(c);
    }
    return lost;
}

std::optional<std::size_t> channel_axis(const Shape& shape) {
    if (shape.size() < 2) return std::nullopt;
    return shape.size() == 3 && shape[2] < shape[1] ? 2 : 1;
}

Result<std::vector<OutputFidelity>> measure_outputs(
    engine::Session& from, engine::Session& to, const quant::Dataset& dataset, std::int64_t count,
    const std::function<void(std::int64_t done, std::int64_t total)>& progress) {
    const std::vector<engine::Port>& ports = from.outputs();
    std::vector<OutputFidelity> measured(ports.size());
    for (std::int64_t i = 0; i < count; ++i) {
        OCTET_ASSIGN(const Tensor image, dataset.load(i * dataset.size / count));
        OCTET_ASSIGN(const std::vector<Tensor> expected, from.run({&image, 1}));
        OCTET_ASSIGN(const std::vector<Tensor> actual, to.run({&image, 1}));
        for (std::size_t o = 0; o < ports.size(); ++o) {
            if (ports[o].dtype != DType::float32) continue;
            measured[o].name = ports[o].name;
            measured[o].whole.add(expected[o].data<float>(), actual[o].data<float>());
            if (const auto axis = channel_axis(expected[o].shape()))
                add_channels(measured[o].channels, *axis, expected[o], actual[o]);
        }
        if (progress) progress(i + 1, count);
    }
    std::erase_if(measured, [](const OutputFidelity& one) { return one.name.empty(); });
    return measured;
}

}  // namespace octet::apps
