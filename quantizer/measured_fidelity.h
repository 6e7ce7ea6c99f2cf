#pragma once

// What quantization costs: outputs and inner layers of the INT8 file, run by the engine, beside those of the float
// network.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/session.h"
#include "graph/quant/calibration.h"
#include "graph/quant/fidelity.h"
#include "graph/quant/quant_model.h"
#include "graph/quant/refine.h"

namespace octet::quantizer {

inline constexpr double lost_below_db = 3;

struct OutputFidelity {
    std::string name;
    quant::Fidelity whole;
    // By index along channel_axis(); empty where there is none. Beside the whole, because large values hide what
    // happens to small ones: coordinates in pixels outweigh the scores in the same tensor.
    std::vector<quant::Fidelity> channels;
    // Of classes, [N,C] and [N,C,H,W] with C > 1: how many decisions, the index of the largest channel, and how many of
    // them agree.
    std::int64_t decisions = 0, agreeing = 0;

    // The channel with the lowest SQNR.
    std::optional<std::size_t> worst_channel() const;
    // "0.213 %"; empty where nothing is decided.
    std::string changed_decisions() const;
    // Channels in which the noise is more than half of the signal: below lost_below_db.
    std::vector<std::size_t> lost_channels() const;
};

// Which dimension of an output tells its quantities apart: the second one of [N,C] and [N,C,H,W], of [N,a,b] the
// shorter one of a and b.
std::optional<std::size_t> channel_axis(const Shape& shape);

// Adds one run's float32 outputs; one OutputFidelity a port, without a name where its type is another.
void add_outputs(std::vector<OutputFidelity>& measured, const std::vector<engine::Port>& ports,
                 const std::vector<Tensor>& expected, const std::vector<Tensor>& actual);

// The float32 outputs of each of `to` over `count` images, evenly spread over the dataset. All sessions have one input,
// which takes the images, and the same outputs.
Result<std::vector<std::vector<OutputFidelity>>> measure_outputs(
    engine::Session& from, std::span<engine::Session* const> to, const quant::Dataset& dataset, std::int64_t count,
    const std::function<void(std::int64_t done, std::int64_t total)>& progress);

struct LayerError {
    quant::LayerFidelity layer;
    // Of the file, all layers before it quantized; nothing where the engine has no such tensor, because it computes the
    // value and its reader at once or in another form.
    std::optional<quant::Fidelity> accumulated;
};

// The gridded values of `model` over the same images. `file`: the network that was made of the model, observable.
Result<std::vector<LayerError>> measure_layers(
    const quant::QuantModel& model, const quant::Refinement& refinement, engine::Session& file,
    const quant::Dataset& dataset, std::int64_t count, const ParallelFor& parallel_for,
    const std::function<void(std::int64_t done, std::int64_t total)>& progress);

}  // namespace octet::quantizer
