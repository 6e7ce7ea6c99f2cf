#include "quantizer/measured_fidelity.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "graph/ops/evaluator.h"

namespace octet::quantizer {
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

void add_decisions(OutputFidelity& output, const Tensor& from, const Tensor& to) {
    const Shape& shape = from.shape();
    if ((shape.size() != 2 && shape.size() != 4) || shape[1] < 2) return;
    const auto channels = static_cast<std::size_t>(shape[1]);
    const std::size_t plane = static_cast<std::size_t>(from.size()) / (static_cast<std::size_t>(shape[0]) * channels);
    const auto decision = [&](std::span<const float> values, std::size_t first) {
        std::size_t best = 0;
        for (std::size_t c = 1; c < channels; ++c) {
            if (values[first + c * plane] > values[first + best * plane]) best = c;
        }
        return best;
    };
    const auto a = from.data<float>(), b = to.data<float>();
    for (std::size_t image = 0; image < a.size(); image += channels * plane) {
        for (std::size_t i = 0; i < plane; ++i)
            output.agreeing += decision(a, image + i) == decision(b, image + i) ? 1 : 0;
        output.decisions += static_cast<std::int64_t>(plane);
    }
}

}  // namespace

std::optional<std::size_t> OutputFidelity::worst_channel() const {
    if (channels.empty()) return std::nullopt;
    const auto worst = std::min_element(channels.begin(), channels.end(),
                                        [](const auto& a, const auto& b) { return a.sqnr_db() < b.sqnr_db(); });
    return static_cast<std::size_t>(worst - channels.begin());
}

std::string OutputFidelity::changed_decisions() const {
    if (decisions == 0) return {};
    return fmt::format("{:.3f} %", 100.0 * static_cast<double>(decisions - agreeing) / static_cast<double>(decisions));
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

void add_outputs(std::vector<OutputFidelity>& measured, const std::vector<engine::Port>& ports,
                 const std::vector<Tensor>& expected, const std::vector<Tensor>& actual) {
    measured.resize(ports.size());
    for (std::size_t o = 0; o < ports.size(); ++o) {
        if (ports[o].dtype != DType::float32) continue;
        measured[o].name = ports[o].name;
        measured[o].whole.add(expected[o].data<float>(), actual[o].data<float>());
        if (const auto axis = channel_axis(expected[o].shape()))
            add_channels(measured[o].channels, *axis, expected[o], actual[o]);
        add_decisions(measured[o], expected[o], actual[o]);
    }
}

Result<std::vector<std::vector<OutputFidelity>>> measure_outputs(
    engine::Session& from, std::span<engine::Session* const> to, const quant::Dataset& dataset, std::int64_t count,
    const std::function<void(std::int64_t done, std::int64_t total)>& progress) {
    std::vector<std::vector<OutputFidelity>> measured(to.size());
    for (std::int64_t i = 0; i < count; ++i) {
        OCTET_ASSIGN(const Tensor image, dataset.load(i * dataset.size / count));
        OCTET_ASSIGN(const std::vector<Tensor> expected, from.run({&image, 1}));
        for (std::size_t t = 0; t < to.size(); ++t) {
            OCTET_ASSIGN(const std::vector<Tensor> actual, to[t]->run({&image, 1}));
            add_outputs(measured[t], from.outputs(), expected, actual);
        }
        if (progress) progress(i + 1, count);
    }
    for (auto& outputs : measured) std::erase_if(outputs, [](const OutputFidelity& one) { return one.name.empty(); });
    return measured;
}

Result<std::vector<LayerError>> measure_layers(
    const quant::QuantModel& model, const quant::Refinement& refinement, engine::Session& file,
    const quant::Dataset& dataset, std::int64_t count, const ParallelFor& parallel_for,
    const std::function<void(std::int64_t done, std::int64_t total)>& progress) {
    std::vector<LayerError> layers;
    std::map<std::string, ValueId, std::less<>> value_of;  // by the names of graph/quant/quant_model.h
    std::map<ValueId, std::size_t> layer_of;
    for (const quant::LayerFidelity& layer : refinement.layers) {
        layer_of[layer.value] = layers.size();
        layers.push_back({layer, std::nullopt});
        for (const std::string_view suffix : {"", "_real", "_dequantized"})
            value_of[model.graph.value(layer.value).name + std::string(suffix)] = layer.value;
    }

    struct Observed {
        Tensor values;
        std::optional<Grid> grid;  // none: real values
    };
    for (std::int64_t i = 0; i < count; ++i) {
        OCTET_ASSIGN(const Tensor image, dataset.load(i * dataset.size / count));
        // Integers are kept, a quarter of what the float tensors would be; those pass by one after the other.
        std::map<ValueId, Observed> observed;
        engine::Observer observer;
        observer.tensor = [&](const engine::TensorInfo& tensor) {
            const auto found = value_of.find(tensor.name);
            if (found == value_of.end()) return;
            Observed& kept = observed[found->second];
            if (kept.grid || (!tensor.grid && tensor.values.dtype() != DType::float32)) return;
            kept.values = tensor.values;
            if (tensor.grid) kept.grid = *tensor.grid;
        };
        file.set_observer(std::move(observer));
        OCTET_TRY(file.run({&image, 1}));
        file.set_observer({});

        EvaluateOptions evaluation;
        evaluation.parallel_for = parallel_for;
        evaluation.observer = [&](ValueId id, const Tensor& expected) {
            const auto found = observed.find(id);
            if (found == observed.end() || found->second.values.size() != expected.size()) return;
            const Observed& kept = found->second;
            const Tensor actual = kept.grid ? quant::dequantize(kept.values, *kept.grid) : kept.values;
            auto& accumulated = layers[layer_of.at(id)].accumulated;
            if (!accumulated) accumulated.emplace();
            accumulated->add(expected.data<float>(), actual.data<float>());
            observed.erase(found);
        };
        OCTET_TRY(evaluate(model.graph, {&image, 1}, evaluation));
        if (progress) progress(i + 1, count);
    }
    return layers;
}

}  // namespace octet::quantizer
