#include "yolop/evaluate.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>

#include "base/cpus.h"
#include "base/thread_pool.h"
#include "vision/resize.h"

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
    const auto count = static_cast<std::int64_t>(indices.size());
    const std::int64_t wanted = std::min<std::int64_t>(threads > 0 ? threads : usable_cpus(), count);
    ThreadPool pool(static_cast<int>(std::max<std::int64_t>(1, wanted)));
    std::vector<std::optional<Result<ImageRecord>>> records(indices.size());
    std::vector<Yolop> networks;
    for (int i = 0; i < pool.size(); ++i) {
        OCTET_ASSIGN(Yolop yolop, Yolop::create(executable, model, {.threads = 1}));
        networks.push_back(std::move(yolop));
    }

    std::atomic<bool> failed{false};
    std::mutex mutex;
    pool.run(count, 1, [&](std::int64_t begin, std::int64_t end, int thread) {
        for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end) && !failed; ++i) {
            records[i] = evaluate_one(networks[static_cast<std::size_t>(thread)], dataset, indices[i]);
            if (!*records[i]) failed = true;
            const std::lock_guard lock(mutex);
            done();
        }
    });

    std::vector<ImageRecord> result;
    for (auto& record : records) {
        if (!record) continue;  // behind a failure
        OCTET_ASSIGN(ImageRecord one, std::move(*record));
        result.push_back(std::move(one));
    }
    return result;
}

}  // namespace octet::yolop
