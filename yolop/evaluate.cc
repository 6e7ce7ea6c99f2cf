#include "yolop/evaluate.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "vision/resize.h"
#include "yolop/pipeline.h"

namespace octet::yolop {
namespace {

// The foreground of a label at the size of the letterbox's content.
vision::Image content_truth(const vision::Image& label, const vision::LetterboxTransform& transform) {
    vision::Image scaled(transform.content_width, transform.content_height, 1);
    vision::resize({label.pixels.data(), label.width, label.height, 1, static_cast<std::size_t>(label.width)},
                   {scaled.pixels.data(), scaled.width, scaled.height, 1, static_cast<std::size_t>(scaled.width)});
    for (std::uint8_t& pixel : scaled.pixels) pixel = pixel > 1 ? 1 : 0;
    return scaled;
}

using Indices = std::vector<std::int64_t>;

Result<std::vector<ImageRecord>> evaluate_batch(Yolop& yolop, const Dataset& dataset, const Indices& indices) {
    const auto name = [&](std::int64_t index) { return dataset.names[static_cast<std::size_t>(index)]; };
    std::vector<Sample> samples;
    std::vector<vision::Image> frames;
    for (const std::int64_t index : indices) {
        OCTET_ASSIGN(Sample sample, load_sample(dataset, name(index)));
        frames.push_back(std::move(sample.frame));
        samples.push_back(std::move(sample));
    }
    const auto results = yolop.run(frames, evaluation_options);
    if (!results) return at(name(indices.front()), results.error());
    std::vector<ImageRecord> records;
    for (std::size_t i = 0; i < indices.size(); ++i) {
        records.push_back(evaluate_image((*results)[i], samples[i]));
        records.back().index = indices[i];
        records.back().name = name(indices[i]);
    }
    return records;
}

}  // namespace

ImageRecord evaluate_image(const YolopResult& result, const Sample& sample) {
    ImageRecord record;
    record.truth_boxes = static_cast<std::int64_t>(sample.vehicles.size());
    const std::vector<bool> correct = match(result.vehicles, sample.vehicles);
    for (std::size_t i = 0; i < correct.size(); ++i) record.matches.push_back({result.vehicles[i].score, correct[i]});
    record.drivable = compare_masks(vision::content_mask(result.drivable, result.transform),
                                    content_truth(sample.drivable, result.transform));
    record.lane = compare_masks(vision::content_mask(result.lane, result.transform),
                                content_truth(sample.lane, result.transform));
    return record;
}

Result<std::vector<ImageRecord>> evaluate(const std::shared_ptr<const engine::Executable>& executable,
                                          const std::string& model, const Dataset& dataset,
                                          const std::vector<std::int64_t>& indices, int threads,
                                          const std::function<void()>& done) {
    OCTET_ASSIGN(Pipeline pipeline,
                 Pipeline::create(executable, model, threads, static_cast<std::int64_t>(indices.size())));
    std::vector<ImageRecord> records;
    Result<void> outcome;
    auto next = indices.begin();
    pipeline.run<Indices, Result<std::vector<ImageRecord>>>(
        [&]() -> std::optional<Indices> {
            if (next == indices.end()) return std::nullopt;
            const auto first = next;
            next += std::min<std::ptrdiff_t>(pipeline.batch(), indices.end() - next);
            return Indices(first, next);
        },
        [&](Yolop& network, const Indices& batch) { return evaluate_batch(network, dataset, batch); },
        [&](Result<std::vector<ImageRecord>> batch) {
            if (!batch) {
                done();
                outcome = tl::unexpected(std::move(batch).error());
                return false;
            }
            for (ImageRecord& record : *batch) {
                done();
                records.push_back(std::move(record));
            }
            return true;
        });
    OCTET_TRY(outcome);
    return records;
}

}  // namespace octet::yolop
