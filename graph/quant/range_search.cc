#include "graph/quant/range_search.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "graph/ops/evaluator.h"
#include "graph/quant/channel_moments.h"

namespace octet::quant {
namespace {

// Of the range. Fewer images than a network will see say little about what lies further out.
constexpr float parts[] = {1, 0.98F, 0.96F, 0.94F, 0.92F, 0.9F, 0.88F, 0.85F};

std::size_t index(std::int32_t id) {
    return static_cast<std::size_t>(id);
}

struct Reader {
    NodeId conv = no_node;
    std::size_t group = 0;
    ChannelMoments signal = {};
    std::vector<ChannelMoments> errors = {};  // by grid
};

class Search {
  public:
    Search(const QuantModel& model, const Calibration& calibration) : model_(model), graph_(model.graph) {
        const auto consumers = graph_.consumers();
        for (std::size_t g = 0; g < model.plan.groups.size(); ++g) {
            const GridGroup& group = model.plan.groups[g];
            grids_.emplace_back();
            std::vector<std::pair<ValueId, NodeId>> readers;
            if (group.kind != GridKind::activation || group.sources.empty() || !find_readers(group, consumers, readers))
                continue;
            Extent extent;
            for (const ValueId source : group.sources) extent.merge(calibration.values[index(source)].extent);
            grids_[g].push_back(model.grids[g]);
            for (const float part : parts)
                grids_[g].push_back(asymmetric_grid({part * extent.lo, part * extent.hi}, model.grids[g].dtype));
            for (const auto& [value, conv] : readers) readers_[value].push_back({conv, g});
        }
    }

    Result<void> run(const Dataset& dataset, const ParallelFor& parallel_for, const std::function<void()>& done) {
        // Sums of floats depend on their order: images are merged one after the other.
        std::vector<Readers> images(static_cast<std::size_t>(dataset.size), readers_);
        const auto observe = [&](std::int64_t image, ValueId value, const Tensor& tensor) -> Result<void> {
            auto& readers = images[static_cast<std::size_t>(image)];
            const auto found = readers.find(value);
            if (found == readers.end()) return {};
            for (Reader& reader : found->second) OCTET_TRY(try_grids(reader, tensor));
            return {};
        };
        OCTET_TRY(run_images(graph_, dataset, parallel_for, observe, done));
        for (const Readers& image : images) {
            for (auto& [value, list] : readers_) {
                for (std::size_t r = 0; r < list.size(); ++r) merge(list[r], image.at(value)[r]);
            }
        }
        return {};
    }

    std::map<ValueId, Grid> best() const {
        std::vector<std::vector<double>> losses;
        for (const auto& grids : grids_) losses.emplace_back(grids.size(), 0);
        for (const auto& [value, list] : readers_) {
            for (const Reader& reader : list) {
                for (std::size_t k = 0; k < reader.errors.size(); ++k) losses[reader.group][k] += loss(reader, k);
            }
        }
        std::map<ValueId, Grid> chosen;
        for (std::size_t g = 0; g < losses.size(); ++g) {
            if (losses[g].empty()) continue;
            const auto least = std::min_element(losses[g].begin(), losses[g].end()) - losses[g].begin();
            if (least > 0) chosen[model_.plan.groups[g].sources.front()] = grids_[g][static_cast<std::size_t>(least)];
        }
        return chosen;
    }

  private:
    using Readers = std::map<ValueId, std::vector<Reader>>;

    bool find_readers(const GridGroup& group, const std::vector<std::vector<NodeId>>& consumers,
                      std::vector<std::pair<ValueId, NodeId>>& readers) const {
        for (const ValueId value : group.values) {
            const GridReaders found = readers_of(graph_, model_.plan, consumers, value);
            if (found.others) return false;
            for (const NodeId conv : found.convolutions) readers.emplace_back(value, conv);
        }
        return !readers.empty();
    }

    Result<Tensor> convolve(const Node& conv, const Tensor& x) const {
        std::vector<const Tensor*> inputs{&x};
        for (std::size_t i = 1; i < conv.inputs.size(); ++i)
            inputs.push_back(conv.inputs[i] == no_value ? nullptr : graph_.constant(conv.inputs[i]));
        OCTET_ASSIGN(auto outputs, evaluate_node(conv, inputs));
        return std::move(outputs[0]);
    }

    Result<void> try_grids(Reader& reader, const Tensor& x) const {
        const Node& conv = graph_.node(reader.conv);
        OCTET_ASSIGN(const Tensor exact, convolve(conv, x));
        reader.signal.add(exact);
        const auto& grids = grids_[reader.group];
        reader.errors.resize(grids.size());
        for (std::size_t k = 0; k < grids.size(); ++k) {
            OCTET_ASSIGN(Tensor y, convolve(conv, dequantize(quantize(x, grids[k]), grids[k])));
            auto values = y.mutable_data<float>();
            for (std::size_t i = 0; i < values.size(); ++i) values[i] -= exact.data<float>()[i];
            reader.errors[k].add(y);
        }
        return {};
    }

    static void merge(Reader& reader, const Reader& image) {
        reader.signal.merge(image.signal);
        reader.errors.resize(image.errors.size());
        for (std::size_t k = 0; k < image.errors.size(); ++k) reader.errors[k].merge(image.errors[k]);
    }

    static double loss(const Reader& reader, std::size_t k) {
        std::vector<double> noise;
        for (std::size_t c = 0; c < reader.signal.sums.size(); ++c) noise.push_back(reader.errors[k].variance(c));
        return noise_to_signal(noise, reader.signal);
    }

    const QuantModel& model_;
    const Graph& graph_;
    std::vector<std::vector<Grid>> grids_;  // by group; the first is the model's
    Readers readers_;                       // by what they read
};

}  // namespace

Result<std::map<ValueId, Grid>> search_ranges(const QuantModel& model, const Calibration& calibration,
                                              const Dataset& dataset, const ParallelFor& parallel_for,
                                              const std::function<void()>& done) {
    Search search(model, calibration);
    OCTET_TRY(search.run(dataset, parallel_for, done));
    return search.best();
}

}  // namespace octet::quant
