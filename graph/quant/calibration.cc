#include "graph/quant/calibration.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>

#include "graph/ops/check.h"
#include "graph/ops/evaluator.h"

namespace octet::quant {
namespace {

// Serializes what the threads add to one value; a few locks shared by many values are enough.
class Locks {
  public:
    std::mutex& operator[](ValueId id) { return locks_[static_cast<std::size_t>(id) % count]; }

  private:
    static constexpr std::size_t count = 61;
    std::mutex locks_[count];
};

Result<void> check_finite(const Graph& graph, const Calibration& calibration) {
    for (const NodeId id : graph.topological_order()) {
        const Node& node = graph.node(id);
        for (const ValueId output : node.outputs) {
            if (output == no_value) continue;
            const Extent& extent = calibration.values[static_cast<std::size_t>(output)].extent;
            if (extent.not_finite == 0) continue;
            return fail(ErrorCode::invalid_model,
                        "{}: {} of its {} output values on the calibration images are NaN or infinite; the float "
                        "model has to be repaired first",
                        describe(node), extent.not_finite, extent.count);
        }
    }
    return {};
}

}  // namespace

std::vector<Extent> extents_by_channel(const Tensor& tensor, std::size_t channels) {
    std::vector<Extent> extents(channels);
    if (channels == 0) return extents;
    const auto values = tensor.data<float>();
    const std::size_t plane = values.size() / (channels * static_cast<std::size_t>(tensor.shape()[0]));
    for (std::size_t i = 0; plane > 0 && i < values.size() / plane; ++i)
        extents[i % channels].add(values.subspan(i * plane, plane));
    return extents;
}

Dataset evenly_spread(const Dataset& dataset, std::int64_t count) {
    const std::int64_t size = std::min(count, dataset.size);
    return {size, [&dataset, size](std::int64_t i) { return dataset.load(i * dataset.size / size); }};
}

Result<void> run_images(const Graph& graph, const Dataset& dataset, const ParallelFor& parallel_for,
                        const ImageObserver& observe, const std::function<void()>& done) {
    std::mutex mutex;
    std::optional<Error> first_error;
    parallel_for(dataset.size, [&](std::int64_t i) {
        const auto run = [&]() -> Result<void> {
            OCTET_ASSIGN(const Tensor image, dataset.load(i));
            OCTET_TRY(observe(i, graph.inputs[0], image));
            Result<void> failure;
            EvaluateOptions evaluation;
            evaluation.observer = [&](ValueId id, const Tensor& tensor) {
                if (failure && tensor.dtype() == DType::float32) failure = observe(i, id, tensor);
            };
            OCTET_TRY(evaluate(graph, std::vector<Tensor>{image}, evaluation));
            return failure;
        };
        {
            const std::lock_guard lock(mutex);
            if (first_error) return;
        }
        auto result = run();
        const std::lock_guard lock(mutex);
        if (!result && !first_error) first_error = std::move(result).error();
        if (done) done();
    });
    if (first_error) return tl::unexpected<Error>(*first_error);
    return {};
}

Result<Calibration> calibrate(const Graph& graph, const std::vector<ValueId>& wanted, const Dataset& dataset,
                              const CalibrateOptions& options) {
    if (dataset.size == 0) return fail(ErrorCode::invalid_argument, "there are no calibration images");
    if (graph.inputs.size() != 1) {
        return fail(ErrorCode::unsupported, "the model has {} inputs; calibration feeds images to a single one",
                    graph.inputs.size());
    }
    Calibration calibration;
    calibration.images = dataset.size;
    calibration.values.resize(graph.value_count());
    const auto statistics = [&](ValueId id) -> ValueStatistics& {
        return calibration.values[static_cast<std::size_t>(id)];
    };

    Locks locks;
    std::int64_t done = 0;
    const auto count = [&] {
        if (options.progress) options.progress(++done, 2 * dataset.size);
    };
    for (const ValueId id : options.by_channel)
        statistics(id).channels.resize(static_cast<std::size_t>((*graph.value(id).shape)[1]));
    const auto measure = [&](std::int64_t, ValueId id, const Tensor& tensor) -> Result<void> {
        Extent extent;
        extent.add(tensor.data<float>());
        std::vector<Extent> channels = extents_by_channel(tensor, statistics(id).channels.size());
        const std::lock_guard lock(locks[id]);
        statistics(id).extent.merge(extent);
        for (std::size_t c = 0; c < channels.size(); ++c) statistics(id).channels[c].merge(channels[c]);
        return {};
    };
    OCTET_TRY(run_images(graph, dataset, options.parallel_for, measure, count));
    OCTET_TRY(check_finite(graph, calibration));

    std::vector<bool> is_wanted(graph.value_count(), false);
    for (const ValueId id : wanted) {
        is_wanted[static_cast<std::size_t>(id)] = true;
        statistics(id).histogram = Histogram(statistics(id).extent.limit());
    }
    const auto sort = [&](std::int64_t, ValueId id, const Tensor& tensor) -> Result<void> {
        if (!is_wanted[static_cast<std::size_t>(id)]) return {};
        Histogram histogram(statistics(id).extent.limit());
        histogram.add(tensor.data<float>());
        const std::lock_guard lock(locks[id]);
        statistics(id).histogram.merge(histogram);
        return {};
    };
    OCTET_TRY(run_images(graph, dataset, options.parallel_for, sort, count));
    return calibration;
}

}  // namespace octet::quant
