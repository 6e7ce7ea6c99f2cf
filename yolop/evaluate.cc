#include "yolop/evaluate.h"

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

Result<ImageRecord> evaluate_one(Yolop& yolop, const Dataset& dataset, std::int64_t index) {
    const std::string& name = dataset.names[static_cast<std::size_t>(index)];
    OCTET_ASSIGN(const Sample sample, load_sample(dataset, name));
    auto result = yolop.run(sample.frame, evaluation_options);
    if (!result) return at(name, std::move(result).error());
    ImageRecord record = evaluate_image(*result, sample);
    record.index = index;
    record.name = name;
    return record;
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
    pipeline.run<std::int64_t, Result<ImageRecord>>(
        [&]() -> std::optional<std::int64_t> {
            if (next == indices.end()) return std::nullopt;
            return *next++;
        },
        [&](Yolop& network, std::int64_t index) { return evaluate_one(network, dataset, index); },
        [&](Result<ImageRecord> record) {
            done();
            if (record) {
                records.push_back(std::move(*record));
            } else {
                outcome = tl::unexpected(std::move(record).error());
            }
            return outcome.has_value();
        });
    OCTET_TRY(outcome);
    return records;
}

}  // namespace octet::yolop
