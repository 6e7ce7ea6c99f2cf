#include "quantizer/decision_rate.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "engine/compile.h"
#include "graph/ops/infer.h"

namespace octet::quantizer {
namespace {

constexpr int most_trials = 6;
// Of the float network's pixels of the second class; a difference of fewer is none.
constexpr double close_enough = 0.0005;
// Fewer pixels than these say nothing; of a larger share of all pixels the mean error says enough.
constexpr std::int64_t fewest_pixels = 1000;
constexpr double largest_share = 0.05;

// The layer that decides an output, and the class of each of its channels.
struct Head {
    std::size_t output = 0;
    NodeId layer = no_node;
    std::vector<int> classes;
    Tensor bias;       // before any move
    double moved = 0;  // now
    // Bounds of the move with too few and with too many pixels, and by how many.
    std::optional<std::pair<double, std::int64_t>> low, high;
    double best = 0;
    std::int64_t best_error = 0;
    bool done = false;
};

bool keeps_channels(std::string_view op) {
    static const std::set<std::string_view> ops = {"Sigmoid",  "Softmax", "HardSwish", "HardSigmoid",
                                                   "Identity", "Relu",    "Clip",      "LeakyRelu",
                                                   "Resize",   "Cast",    "Tanh"};
    return ops.contains(op);
}

std::optional<Head> find_head(const quant::QuantModel& model, std::size_t output) {
    const Graph& graph = model.graph;
    ValueId value = graph.outputs[output];
    const auto& shape = graph.value(value).shape;
    if (!shape || shape->size() != 4 || (*shape)[1] != 2 || graph.value(value).dtype != DType::float32)
        return std::nullopt;
    std::vector<int> classes = {0, 1};
    for (NodeId id = graph.producer(value); id != no_node; id = graph.producer(value)) {
        const Node& node = graph.node(id);
        if (const auto layer = model.layers.find(id); layer != model.layers.end()) {
            if (layer->second.bias.size() != static_cast<std::int64_t>(classes.size())) return std::nullopt;
            Head head;
            head.output = output;
            head.layer = id;
            head.classes = std::move(classes);
            head.bias = layer->second.bias;
            return head;
        }
        if (node.op == "DepthToSpace") {
            const auto block = static_cast<std::size_t>(node.attributes.integer("blocksize", 1));
            const bool column_row_depth = node.attributes.text("mode", "DCR") == "CRD";
            const std::size_t phases = block * block;
            std::vector<int> deep(classes.size() * phases);
            for (std::size_t c = 0; c < classes.size(); ++c) {
                for (std::size_t phase = 0; phase < phases; ++phase)
                    deep[column_row_depth ? c * phases + phase : phase * classes.size() + c] = classes[c];
            }
            classes = std::move(deep);
        } else if (!keeps_channels(node.op)) {
            return std::nullopt;
        }
        value = node.inputs[0];
    }
    return std::nullopt;
}

// The difference of the classes' logits, a real value, is moved by `to` from where it was.
void move_biases(quant::LayerWeights& layer, Head& head, double to) {
    head.moved = to;
    layer.bias = head.bias;
    const auto bias = layer.bias.mutable_data<std::int32_t>();
    for (std::size_t c = 0; c < bias.size(); ++c) {
        const double limit = layer.bias_limits[c];
        const double steps = std::nearbyint((head.classes[c] == 1 ? to : -to) / 2 / layer.bias_scale(c));
        bias[c] = static_cast<std::int32_t>(std::clamp(bias[c] + steps, -limit, limit));
    }
}

std::int64_t second_class(const Tensor& output) {
    const auto values = output.data<float>();
    const std::size_t plane = values.size() / static_cast<std::size_t>(2 * output.shape()[0]);
    std::int64_t count = 0;
    for (std::size_t image = 0; image < values.size(); image += 2 * plane) {
        for (std::size_t i = image; i < image + plane; ++i) count += values[i + plane] > values[i] ? 1 : 0;
    }
    return count;
}

Result<std::vector<std::int64_t>> count_second(engine::Session& session, const std::vector<Head>& heads,
                                               const quant::Dataset& dataset, std::int64_t count,
                                               const std::function<void()>& step) {
    std::vector<std::int64_t> counts(heads.size());
    for (std::int64_t i = 0; i < count; ++i) {
        OCTET_ASSIGN(const Tensor image, dataset.load(i * dataset.size / count));
        OCTET_ASSIGN(const std::vector<Tensor> outputs, session.run({&image, 1}));
        for (std::size_t h = 0; h < heads.size(); ++h) counts[h] += second_class(outputs[heads[h].output]);
        step();
    }
    return counts;
}

// Where the next trial goes: between the bounds, or a step beyond the only one.
double next_move(const Head& head, double step) {
    if (head.low && head.high) {
        const double span = head.high->first - head.low->first;
        const auto below = static_cast<double>(-head.low->second), above = static_cast<double>(head.high->second);
        return head.low->first + span * std::clamp(below / (below + above), 0.1, 0.9);
    }
    return head.low ? head.low->first + step : head.high->first - step;
}

}  // namespace

Result<std::vector<DecisionRate>> match_decision_rates(
    quant::QuantModel& model, engine::Session& floats, const quant::Dataset& dataset, std::int64_t count, int threads,
    const std::function<void(std::int64_t done, std::int64_t total)>& progress) {
    std::vector<Head> found;
    std::set<NodeId> taken;
    for (std::size_t o = 0; o < model.graph.outputs.size(); ++o) {
        auto head = find_head(model, o);
        if (head && taken.insert(head->layer).second) found.push_back(std::move(*head));
    }
    if (found.empty() || count == 0) return std::vector<DecisionRate>();

    std::int64_t done = 0;
    const auto step = [&] { progress(++done, (most_trials + 1) * count); };
    OCTET_ASSIGN(const auto in_float, count_second(floats, found, dataset, count, step));
    std::vector<Head> heads;
    std::vector<DecisionRate> rates;
    for (std::size_t h = 0; h < found.size(); ++h) {
        const Value& output = model.graph.value(model.graph.outputs[found[h].output]);
        const Shape& shape = *output.shape;
        const std::int64_t pixels = shape[0] * shape[2] * shape[3] * count;
        const bool is_rare = static_cast<double>(in_float[h]) <= largest_share * static_cast<double>(pixels);
        if (in_float[h] < fewest_pixels || !is_rare) continue;
        rates.push_back({output.name, pixels, in_float[h]});
        heads.push_back(std::move(found[h]));
    }
    if (heads.empty()) return rates;
    for (int trial = 0; trial < most_trials; ++trial) {
        OCTET_ASSIGN(Graph quantized, quant::to_qdq(model));
        OCTET_TRY(infer_shapes(quantized));
        OCTET_ASSIGN(const auto executable, engine::compile(std::move(quantized)));
        OCTET_ASSIGN(engine::Session session, engine::Session::create(executable, {.threads = threads}));
        OCTET_ASSIGN(const auto counts, count_second(session, heads, dataset, count, step));
        bool any = false;
        for (std::size_t h = 0; h < heads.size(); ++h) {
            Head& head = heads[h];
            if (trial == 0) rates[h].before = rates[h].after = counts[h];
            if (head.done) continue;
            quant::LayerWeights& layer = model.layers.at(head.layer);
            const std::int64_t error = counts[h] - rates[h].in_float;
            if (trial == 0 || std::abs(error) < std::abs(head.best_error)) {
                head.best = head.moved;
                head.best_error = error;
                rates[h].after = counts[h];
            }
            head.done = static_cast<double>(std::abs(error)) <= close_enough * static_cast<double>(rates[h].in_float);
            if (head.done) continue;
            (error < 0 ? head.low : head.high) = {head.moved, error};
            // A step of 8 bits over the layer's own range is what a bias may be wrong by.
            const Grid* grid = model.grid(model.graph.node(head.layer).outputs[0]);
            const double first_step = grid ? double{grid->scale} * (grid->dtype == DType::int16 ? 256 : 1) : 0.05;
            move_biases(layer, head, next_move(head, first_step));
            any = true;
        }
        if (!any) break;
    }
    for (Head& head : heads) {
        if (head.moved != head.best) move_biases(model.layers.at(head.layer), head, head.best);
    }
    return rates;
}

}  // namespace octet::quantizer
