#pragma once

// What quantization costs at the end: the outputs of the INT8 file beside those of the float network, both computed by
// the engine.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/session.h"
#include "graph/quant/calibration.h"
#include "graph/quant/fidelity.h"

namespace octet::apps {

inline constexpr double lost_below_db = 3;

struct OutputFidelity {
    std::string name;
    quant::Fidelity whole;
    // By index along channel_axis(); empty where there is none. Beside the whole, because large values hide what
    // happens to small ones: coordinates in pixels outweigh the scores in the same tensor.
    std::vector<quant::Fidelity> channels;

    // The channel with the lowest SQNR.
    std::optional<std::size_t> worst_channel() const;
    // Channels in which the noise is more than half of the signal: below lost_below_db.
    std::vector<std::size_t> lost_channels() const;
};

// Which dimension of an output tells its quantities apart: the second one of [N,C] and [N,C,H,W], of [N,a,b] the
// shorter one of a and b.
std::optional<std::size_t> channel_axis(const Shape& shape);

// The float32 outputs over `count` images, evenly spread over the dataset. Both sessions have one input, which takes
// the images, and the same outputs.
Result<std::vector<OutputFidelity>> measure_outputs(
    engine::Session& from, engine::Session& to, const quant::Dataset& dataset, std::int64_t count,
    const std::function<void(std::int64_t done, std::int64_t total)>& progress);

}  // namespace octet::apps
