#include "graph/quant/equalize.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include "graph/quant/channel_moments.h"
#include "graph/quant/forms.h"
#include "kernels/make_fixed16.h"

namespace octet::quant {
namespace {

// Of a range on the images measured, for others.
constexpr double headroom = 1.5;
constexpr double largest_gain = 128;
// Negative values, such as Swish's, may come to so much of the positive ones.
constexpr double most_negative[] = {0, 1.0 / 8, 1.0 / 4, 1.0 / 2, 1};
constexpr double worthwhile_db = 3;
// What reads a group well enough without gains.
constexpr double enough_db = 35;

std::size_t index(std::int32_t id) {
    return static_cast<std::size_t>(id);
}

struct Channel {
    ValueId source = no_value;
    std::size_t index = 0;
};

struct Measured {
    std::vector<Extent> extents;  // by channel
    ChannelMoments moments;

    // Of one image.
    void set(const Tensor& tensor) {
        moments = {};
        moments.add(tensor);
        extents = extents_by_channel(tensor, moments.sums.size());
    }
    void merge(const Measured& more) {
        moments.merge(more.moments);
        extents.resize(more.extents.size());
        for (std::size_t c = 0; c < extents.size(); ++c) extents[c].merge(more.extents[c]);
    }
};

struct Source {
    ValueId value = no_value;
    bool free = false;               // its channels may have gains
    std::vector<double> gains = {};  // by channel
};

// A group of values on one grid, all of whose channels are known by the source they come from.
struct Candidate {
    std::map<ValueId, Source> sources;
    std::vector<std::pair<NodeId, ValueId>> readers;   // convolutions, and what of the group they read
    std::map<ValueId, std::vector<Channel>> channels;  // of each value
};

class Equalizer {
  public:
    Equalizer(Graph& graph, const GridPlan& plan) : graph_(graph), plan_(plan), consumers_(graph.consumers()) {}

    // Whether there is anything to do.
    bool find() {
        for (const GridGroup& group : plan_.groups) {
            if (group.kind != GridKind::activation) continue;
            if (auto candidate = candidate_of(group)) candidates_.push_back(std::move(*candidate));
        }
        return !candidates_.empty();
    }

    Result<void> measure(const Dataset& dataset, const ParallelFor& parallel_for, const std::function<void()>& done) {
        for (const Candidate& candidate : candidates_) {
            for (const auto& [value, source] : candidate.sources) measured_.emplace(value, Measured());
            for (const auto& [reader, value] : candidate.readers)
                measured_.emplace(graph_.node(reader).outputs[0], Measured());
        }
        // Sums of floats depend on their order: images are merged one after the other.
        std::vector<std::map<ValueId, Measured>> images(static_cast<std::size_t>(dataset.size), measured_);
        const auto observe = [&](std::int64_t image, ValueId value, const Tensor& tensor) -> Result<void> {
            auto& measured = images[static_cast<std::size_t>(image)];
            if (const auto found = measured.find(value); found != measured.end()) found->second.set(tensor);
            return {};
        };
        OCTET_TRY(run_images(graph_, dataset, parallel_for, observe, done));
        for (const auto& image : images) {
            for (auto& [value, measured] : measured_) measured.merge(image.at(value));
        }
        return {};
    }

    Equalization apply() {
        Equalization done;
        // All before one is carried out: what is measured is of the weights as they are.
        std::erase_if(candidates_, [&](Candidate& candidate) { return !choose_gains(candidate); });
        for (const Candidate& candidate : candidates_) {
            ++done.groups;
            for (const auto& [reader, value] : candidate.readers) divide_weights(candidate, reader, value);
            for (const auto& [value, source] : candidate.sources) {
                if (!source.free) continue;
                done.nodes.push_back(graph_.node(graph_.producer(value)).name);
                multiply(source);
            }
        }
        graph_.remove_dead();
        return done;
    }

  private:
    // ---- which channels are where

    std::optional<Candidate> candidate_of(const GridGroup& group) const {
        Candidate candidate;
        for (const ValueId source : group.sources) {
            const auto& shape = graph_.value(source).shape;
            if (!shape || shape->size() != 4) return std::nullopt;
            candidate.sources[source] = {source, takes_gains(source),
                                         std::vector<double>(static_cast<std::size_t>((*shape)[1]), 1.0)};
        }
        for (const NodeId id : graph_.topological_order()) {
            for (const ValueId output : graph_.node(id).outputs) {
                if (output == no_value || plan_.group(output) != &group) continue;
                if (!trace(candidate, id, output)) return std::nullopt;
            }
        }
        for (const auto& [value, channels] : candidate.channels) {
            const GridReaders readers = readers_of(graph_, plan_, consumers_, value);
            for (const NodeId conv : readers.convolutions) candidate.readers.emplace_back(conv, value);
            if (!readers.others) continue;
            for (const Channel& channel : channels) candidate.sources[channel.source].free = false;
        }
        const bool any = std::any_of(candidate.sources.begin(), candidate.sources.end(),
                                     [](const auto& source) { return source.second.free; });
        return any && !candidate.readers.empty() ? std::optional(std::move(candidate)) : std::nullopt;
    }

    bool trace(Candidate& candidate, NodeId id, ValueId output) const {
        const Node& node = graph_.node(id);
        std::vector<Channel>& channels = candidate.channels[output];
        if (candidate.sources.count(output)) {
            for (std::size_t c = 0; c < candidate.sources[output].gains.size(); ++c) channels.push_back({output, c});
            return true;
        }
        const bool concat = node.op == "Concat" && node.attributes.integer("axis", 0) == 1;
        if (!concat && node.op != "MaxPool" && node.op != "Resize") return false;
        for (std::size_t i = 0; i < (concat ? node.inputs.size() : 1); ++i) {
            const auto found = candidate.channels.find(node.inputs[i]);
            if (found == candidate.channels.end()) return false;
            const std::vector<Channel> inputs = found->second;
            channels.insert(channels.end(), inputs.begin(), inputs.end());
        }
        const auto& shape = graph_.value(output).shape;
        return shape && static_cast<std::int64_t>(channels.size()) == (*shape)[1];
    }

    // Swish behind a convolution, or what multiplying the convolution's parameters multiplies.
    bool takes_gains(ValueId value) const {
        const NodeId producer = graph_.producer(value);
        if (producer == no_node) return false;
        const NodeId layer = layer_of(value);
        return layer != no_node && plan_.integer[index(layer)] && graph_.constant(graph_.node(layer).inputs[1]);
    }

    // The convolution whose result this is, behind an activation that is fused to it or none.
    NodeId layer_of(ValueId value) const {
        NodeId id = graph_.producer(value);
        const std::string& op = graph_.node(id).op;
        if (op == "Swish" || op == "Relu" || op == "LeakyRelu" || op == "PRelu") {
            const ValueId before = graph_.node(id).inputs[0];
            if (plan_.group(before) || consumers_[index(before)].size() != 1) return no_node;
            id = graph_.producer(before);
        }
        return id != no_node && graph_.node(id).op == "Conv" ? id : no_node;
    }

    // ---- gains

    bool choose_gains(Candidate& candidate) const {
        double high = 0, low = 0;
        for (const auto& [value, source] : candidate.sources) {
            for (const Extent& channel : measured_.at(value).extents) {
                high = std::max(high, static_cast<double>(channel.hi));
                low = std::max(low, -static_cast<double>(channel.lo));
            }
        }
        const double before = noise(candidate, (high + low) / 255);
        double after = before;
        std::optional<Candidate> best;
        for (const double part : most_negative) {
            Candidate trial = candidate;
            const double room = std::max(low, part * high);
            give_gains(trial, high, room);
            const double noise_after = noise(trial, (high + room) / 255);
            if (!(noise_after < after)) continue;
            after = noise_after;
            best = std::move(trial);
        }
        const double before_db = -10 * std::log10(before), gain_db = 10 * std::log10(before / after);
        if (!best || before_db > enough_db || gain_db < worthwhile_db) return false;
        candidate = std::move(*best);
        return true;
    }

    // So that no channel reaches beyond [-room, high] on the images measured.
    void give_gains(Candidate& candidate, double high, double room) const {
        for (auto& [value, source] : candidate.sources) {
            if (!source.free) continue;
            const auto& extents = measured_.at(value).extents;
            const double cap = std::min(largest_gain, precise_gain(value, (high + room) / 255));
            for (std::size_t c = 0; c < extents.size(); ++c) {
                double gain = cap;
                if (extents[c].hi > 0) gain = std::min(gain, high / (headroom * static_cast<double>(extents[c].hi)));
                if (extents[c].lo < 0) gain = std::min(gain, room / (headroom * static_cast<double>(-extents[c].lo)));
                source.gains[c] = std::max(gain, 1.0);
            }
        }
    }

    // Swish's pre-activation has 16 bits over gate_reach at least: a gain that leaves it half a step of the output.
    double precise_gain(ValueId value, double step) const {
        if (graph_.node(graph_.producer(value)).op != "Swish") return largest_gain;
        return 16383 * step / 2 / kernels::gate_reach;
    }

    // Of rounding to `step` over the signal, behind the convolutions that read the group: the mean of their channels.
    // Errors of an image's pixels are independent, or all the same where it is even.
    double noise(const Candidate& candidate, double step) const {
        double sum = 0, count = 0;
        for (const auto& [reader, value] : candidate.readers) {
            const std::vector<Channel>& channels = candidate.channels.at(value);
            const Measured& output = measured_.at(graph_.node(reader).outputs[0]);
            std::vector<double> noises(output.moments.sums.size());
            for_each_window(reader, [&](std::size_t o, std::size_t input, std::span<const float> window) {
                const Channel& channel = channels[input];
                const double gain = candidate.sources.at(channel.source).gains[channel.index];
                double squares = 0, total = 0;
                for (const float w : window) {
                    squares += static_cast<double>(w) * static_cast<double>(w);
                    total += static_cast<double>(w);
                }
                noises[o] += std::max(squares, total * total) * step * step / 12 / (gain * gain);
            });
            sum += noise_to_signal(noises, output.moments) * static_cast<double>(noises.size());
            count += static_cast<double>(noises.size());
        }
        return sum / count;
    }

    // body(output channel, input channel, weights of a window)
    template <typename Body>
    void for_each_window(NodeId id, Body body) const {
        const Node& node = graph_.node(id);
        const Tensor& tensor = *graph_.constant(node.inputs[1]);
        const auto weights = tensor.data<float>();
        const auto outputs = static_cast<std::size_t>(tensor.shape()[0]);
        const auto inputs = static_cast<std::size_t>(tensor.shape()[1]);
        const auto groups = static_cast<std::size_t>(node.attributes.integer("group", 1));
        const std::size_t taps = weights.size() / (outputs * inputs);
        for (std::size_t o = 0; o < outputs; ++o) {
            const std::size_t first = o / (outputs / groups) * inputs;
            for (std::size_t i = 0; i < inputs; ++i) body(o, first + i, weights.subspan((o * inputs + i) * taps, taps));
        }
    }

    // ---- the graph

    void replace_input(NodeId id, std::size_t input, Tensor tensor, const char* suffix) {
        const ValueId value = graph_.add_constant(graph_.unique_name(graph_.node(id).name + suffix), std::move(tensor));
        graph_.node(id).inputs[input] = value;
    }

    void divide_weights(const Candidate& candidate, NodeId reader, ValueId value) {
        const std::vector<Channel>& channels = candidate.channels.at(value);
        Tensor weights = *graph_.constant(graph_.node(reader).inputs[1]);
        std::size_t at = 0;
        auto values = weights.mutable_data<float>();
        for_each_window(reader, [&](std::size_t, std::size_t input, std::span<const float> window) {
            const Channel& channel = channels[input];
            const double gain = candidate.sources.at(channel.source).gains[channel.index];
            for (const float weight : window) values[at++] = static_cast<float>(static_cast<double>(weight) / gain);
        });
        replace_input(reader, 1, std::move(weights), "_weights_over_gains");
    }

    void multiply(const Source& source) {
        const NodeId producer = graph_.producer(source.value);
        if (graph_.node(producer).op == "Swish") return multiply_swish(producer, source);
        const NodeId layer = layer_of(source.value);
        Tensor weights = *graph_.constant(graph_.node(layer).inputs[1]);
        auto values = weights.mutable_data<float>();
        const std::size_t taps = values.size() / source.gains.size();
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] = static_cast<float>(static_cast<double>(values[i]) * source.gains[i / taps]);
        replace_input(layer, 1, std::move(weights), "_weights_by_gains");
        const auto& inputs = graph_.node(layer).inputs;
        if (inputs.size() < 3 || inputs[2] == no_value) return;
        Tensor bias = *graph_.constant(inputs[2]);
        auto biases = bias.mutable_data<float>();
        for (std::size_t c = 0; c < biases.size(); ++c)
            biases[c] = static_cast<float>(static_cast<double>(biases[c]) * source.gains[c]);
        replace_input(layer, 2, std::move(bias), "_bias_by_gains");
    }

    void multiply_swish(NodeId swish, const Source& source) {
        const std::string name = graph_.node(swish).name;
        Tensor gains(DType::float32, {1, static_cast<std::int64_t>(source.gains.size()), 1, 1});
        for (std::size_t c = 0; c < source.gains.size(); ++c)
            gains.mutable_data<float>()[c] = static_cast<float>(source.gains[c]);
        const ValueId factor = graph_.add_constant(graph_.unique_name(name + "_gains"), std::move(gains));
        const NodeId mul = graph_.add_node("Mul", graph_.unique_name(name + "_gain"), {source.value, factor},
                                           {graph_.unique_name(graph_.value(source.value).name + "_gained")});
        const ValueId output = graph_.node(mul).outputs[0];
        graph_.value(output).dtype = DType::float32;
        graph_.value(output).shape = graph_.value(source.value).shape;
        graph_.replace_uses(source.value, output);
        graph_.node(mul).inputs[0] = source.value;
    }

    Graph& graph_;
    const GridPlan& plan_;
    std::vector<std::vector<NodeId>> consumers_;
    std::vector<Candidate> candidates_;
    std::map<ValueId, Measured> measured_;
};

}  // namespace

Result<Equalization> equalize_channels(Graph& graph, const GridPlan& plan, const Dataset& dataset,
                                       const ParallelFor& parallel_for, const std::function<void()>& done) {
    Equalizer equalizer(graph, plan);
    if (!equalizer.find()) return Equalization{};
    OCTET_TRY(equalizer.measure(dataset, parallel_for, done));
    return equalizer.apply();
}

}  // namespace octet::quant
