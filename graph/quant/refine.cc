#include "graph/quant/refine.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "graph/ops/evaluator.h"

namespace octet::quant {
namespace {

// What an image's run holds of one value. On the grid the simulations are integers.
struct Streams {
    Tensor reference;  // float32
    Tensor simulated;
    Tensor alone;
};

// Channel sums of reference − simulated.
struct ChannelError {
    std::vector<double> sum;
    std::int64_t count = 0;  // elements a channel
};

ChannelError channel_error(const Tensor& reference, const Tensor& simulated) {
    const auto channels = static_cast<std::size_t>(reference.shape()[1]);
    const auto batch = static_cast<std::size_t>(reference.shape()[0]);
    const auto a = reference.data<float>();
    const auto b = simulated.data<float>();
    const std::size_t plane = a.size() / (channels * batch);
    ChannelError error{std::vector<double>(channels), static_cast<std::int64_t>(plane * batch)};
    for (std::size_t n = 0; n < batch; ++n) {
        for (std::size_t c = 0; c < channels; ++c) {
            const std::size_t begin = (n * channels + c) * plane;
            for (std::size_t i = begin; i < begin + plane; ++i) error.sum[c] += static_cast<double>(a[i]) - b[i];
        }
    }
    return error;
}

// m · max(0, 1 − s²/m²), m the mean of the images' errors and s its standard error: what a few images happen to have in
// common is not corrected (the positive-part James-Stein estimator; Efron and Morris 1973).
double shrunk_mean(std::span<const double> errors) {
    const auto count = static_cast<double>(errors.size());
    double mean = 0, spread = 0;
    for (const double error : errors) mean += error / count;
    if (errors.size() < 2 || mean == 0) return mean;
    for (const double error : errors) spread += (error - mean) * (error - mean);
    const double variance = spread / (count - 1) / count;
    return mean * std::max(0.0, 1 - variance / (mean * mean));
}

void add_to_channels(Tensor& tensor, std::span<const float> amount) {
    const auto channels = static_cast<std::size_t>(tensor.shape()[1]);
    const auto batch = static_cast<std::size_t>(tensor.shape()[0]);
    auto values = tensor.mutable_data<float>();
    const std::size_t plane = values.size() / (channels * batch);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += amount[i / plane % channels];
}

class Refiner {
  public:
    Refiner(QuantModel& model, std::span<const Tensor> images, const RefineOptions& options)
        : model_(model), graph_(model.graph), options_(options), images_(images.size()) {
        for (const auto& list : graph_.consumers()) readers_.push_back(static_cast<int>(list.size()));
        for (std::size_t i = 0; i < images.size(); ++i) {
            images_[i].resize(graph_.value_count());
            store(i, graph_.inputs[0], images[i], images[i], images[i]);
        }
    }

    Result<Refinement> run() {
        const auto order = graph_.topological_order();
        std::int64_t done = 0;
        for (const NodeId id : order) {
            OCTET_TRY(step(id));
            if (options_.progress) options_.progress(++done, static_cast<std::int64_t>(order.size()));
        }
        return std::move(result_);
    }

  private:
    static std::size_t index(std::int32_t id) { return static_cast<std::size_t>(id); }

    void store(std::size_t image, ValueId id, Tensor reference, Tensor simulated, Tensor alone) {
        const Grid* grid = model_.grid(id);
        Streams& streams = images_[image][index(id)];
        streams.simulated = grid ? quantize(simulated, *grid) : std::move(simulated);
        // Behind a grid the next layer is alone again: it gets the reference, rounded once.
        streams.alone = grid ? quantize(alone, *grid) : std::move(alone);
        streams.reference = std::move(reference);
    }

    Tensor simulated(std::size_t image, ValueId id) const {
        const Tensor& tensor = images_[image][index(id)].simulated;
        const Grid* grid = model_.grid(id);
        return grid ? dequantize(tensor, *grid) : tensor;
    }

    Tensor alone_input(std::size_t image, ValueId id) const {
        const Streams& streams = images_[image][index(id)];
        const Grid* grid = model_.grid(id);
        return grid ? dequantize(quantize(streams.reference, *grid), *grid) : streams.alone;
    }

    // One of the three runs of a node on one image; `layer` replaces the parameters of a layer.
    template <typename Fetch>
    Result<std::vector<Tensor>> evaluate_with(const Node& node, const FloatLayer* layer, Fetch fetch) const {
        std::vector<Tensor> held(node.inputs.size());
        std::vector<const Tensor*> inputs(node.inputs.size(), nullptr);
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            const ValueId id = node.inputs[i];
            if (id == no_value) continue;
            if (const Tensor* constant = graph_.constant(id)) {
                inputs[i] = constant;
            } else {
                held[i] = fetch(id);
                inputs[i] = &held[i];
            }
        }
        if (!layer) return evaluate_node(node, inputs);
        if (node.op == "BatchNormalization") {
            const Tensor zeros(DType::float32, layer->bias.shape());
            Tensor ones = zeros;
            for (float& one : ones.mutable_data<float>()) one = 1;
            Node plain = node;
            plain.attributes.set("epsilon", 0.0F);
            return evaluate_node(plain,
                                 std::vector<const Tensor*>{inputs[0], &layer->weights, &layer->bias, &zeros, &ones});
        }
        return evaluate_node(node, std::vector<const Tensor*>{inputs[0], &layer->weights, &layer->bias});
    }

    // Dequantized parameters of a layer.
    static FloatLayer real_layer(const LayerWeights& layer) {
        FloatLayer real{dequantize_weights(layer.weights), Tensor(DType::float32, layer.bias.shape())};
        auto bias = real.bias.mutable_data<float>();
        for (std::size_t c = 0; c < bias.size(); ++c) {
            bias[c] = static_cast<float>(layer.bias.data<std::int32_t>()[c]) * layer.bias_scale(c);
        }
        return real;
    }

    struct Outputs {
        std::vector<Tensor> reference, simulated, alone;
    };

    Result<void> step(NodeId id) {
        const Node& node = graph_.node(id);
        const auto found = model_.layers.find(id);
        LayerWeights* layer = found == model_.layers.end() ? nullptr : &found->second;
        std::optional<FloatLayer> real;
        if (layer) real = real_layer(*layer);
        std::vector<Outputs> outputs(images_.size());
        std::vector<Result<void>> failures(images_.size());
        options_.parallel_for(static_cast<std::int64_t>(images_.size()), [&](std::int64_t i) {
            failures[static_cast<std::size_t>(i)] = run_image(
                node, real ? &*real : nullptr, static_cast<std::size_t>(i), outputs[static_cast<std::size_t>(i)]);
        });
        for (auto& failure : failures) OCTET_TRY(std::move(failure));
        if (layer && options_.correct_bias) correct_bias(*layer, outputs);
        options_.parallel_for(static_cast<std::int64_t>(images_.size()), [&](std::int64_t i) {
            keep(node, static_cast<std::size_t>(i), outputs[static_cast<std::size_t>(i)]);
        });
        for (const ValueId output : node.outputs) {
            if (output == no_value || !model_.grid(output)) continue;
            result_.layers.push_back({output, node.name, chain_of(node), measure(output)});
        }
        release(node);
        return {};
    }

    Result<void> run_image(const Node& node, const FloatLayer* layer, std::size_t image, Outputs& outputs) const {
        const auto reference = [&](ValueId v) { return images_[image][index(v)].reference; };
        OCTET_ASSIGN(outputs.reference, evaluate_with(node, nullptr, reference));
        OCTET_ASSIGN(outputs.simulated, evaluate_with(node, layer, [&](ValueId v) { return simulated(image, v); }));
        OCTET_ASSIGN(outputs.alone, evaluate_with(node, layer, [&](ValueId v) { return alone_input(image, v); }));
        return {};
    }

    static void correct_bias(LayerWeights& layer, std::vector<Outputs>& outputs) {
        const auto channels = static_cast<std::size_t>(layer.bias.size());
        std::vector<std::vector<double>> means(channels);  // by channel and image
        for (const Outputs& image : outputs) {
            const ChannelError error = channel_error(image.reference[0], image.simulated[0]);
            for (std::size_t c = 0; c < channels; ++c)
                means[c].push_back(error.sum[c] / static_cast<double>(error.count));
        }
        std::vector<float> moved(channels);
        auto bias = layer.bias.mutable_data<std::int32_t>();
        for (std::size_t c = 0; c < channels; ++c) {
            const double scale = layer.bias_scale(c);
            const double limit = layer.bias_limits[c];
            const double steps = std::clamp(std::nearbyint(shrunk_mean(means[c]) / scale) + bias[c], -limit, limit);
            moved[c] = static_cast<float>((steps - bias[c]) * scale);
            bias[c] = static_cast<std::int32_t>(steps);
        }
        for (Outputs& image : outputs) {
            add_to_channels(image.simulated[0], moved);
        }
    }

    void keep(const Node& node, std::size_t image, Outputs& outputs) {
        for (std::size_t i = 0; i < node.outputs.size(); ++i) {
            if (node.outputs[i] == no_value) continue;
            store(image, node.outputs[i], std::move(outputs.reference[i]), std::move(outputs.simulated[i]),
                  std::move(outputs.alone[i]));
        }
    }

    Fidelity measure(ValueId id) {
        std::vector<Fidelity> each(images_.size());
        const Grid* grid = model_.grid(id);
        options_.parallel_for(static_cast<std::int64_t>(images_.size()), [&](std::int64_t i) {
            const Streams& streams = images_[static_cast<std::size_t>(i)][index(id)];
            each[static_cast<std::size_t>(i)].add(
                streams.reference.data<float>(),
                (grid ? dequantize(streams.alone, *grid) : streams.alone).data<float>());
        });
        Fidelity sum;
        for (const Fidelity& one : each) sum.merge(one);
        return sum;
    }

    // The operators that end in this node without a grid between them.
    std::string chain_of(const Node& node) const {
        std::string chain = node.op;
        for (const ValueId input : node.inputs) {
            const NodeId producer = graph_.producer(input);
            if (producer == no_node || model_.grid(input) || !model_.plan.integer[index(producer)]) continue;
            chain = chain_of(graph_.node(producer)) + "+" + chain;
        }
        return chain;
    }

    void release(const Node& node) {
        for (const ValueId input : node.inputs) {
            if (input == no_value || --readers_[index(input)] > 0) continue;
            for (auto& image : images_) image[index(input)] = {};
        }
        for (const ValueId output : node.outputs) {
            if (output == no_value || readers_[index(output)] > 0) continue;
            for (auto& image : images_) image[index(output)] = {};
        }
    }

    QuantModel& model_;
    const Graph& graph_;
    const RefineOptions& options_;
    std::vector<std::vector<Streams>> images_;  // by image and value
    std::vector<int> readers_;                  // by value, that have yet to run
    Refinement result_;
};

}  // namespace

Result<Refinement> refine(QuantModel& model, std::span<const Tensor> images, const RefineOptions& options) {
    return Refiner(model, images, options).run();
}

}  // namespace octet::quant
