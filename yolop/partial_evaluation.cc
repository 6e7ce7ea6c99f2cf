#include <fmt/format.h>

#include <set>
#include <utility>

#include "base/digest.h"
#include "base/json_text.h"
#include "yolop/evaluate.h"

// {"octet_partial_evaluation": 2, "model": …, "model_digest": …, "input": "1x3x640x640", "set_digest": …, "set_images":
// 150, "images":
//  [{"index": 0, "name": …, "truth_boxes": 9, "detections": [[score, correct], …],
//    "drivable_px": [true positive, false positive, false negative, true negative], "lane_px": […]}, …]}

namespace octet::yolop {
namespace {

using nlohmann::json;

constexpr int format_version = 2;

json to_json(const Confusion& counts) {
    return {counts.true_positive, counts.false_positive, counts.false_negative, counts.true_negative};
}

// The most boxes of a picture, and pictures of a set, that are believed: sums of counts stay far from overflowing.
constexpr std::int64_t max_count = 100'000'000;

// The functions below throw json::exception where the JSON has another form.

Result<Confusion> confusion_from(const json& counts) {
    Confusion result;
    std::int64_t pixels = 0;
    std::size_t i = 0;
    for (std::int64_t* count :
         {&result.true_positive, &result.false_positive, &result.false_negative, &result.true_negative}) {
        OCTET_ASSIGN(*count, count_from(counts.at(i++), vision::max_image_pixels));
        pixels += *count;
    }
    if (pixels > vision::max_image_pixels)
        return fail(ErrorCode::invalid_argument, "{} pixels are more than the limit of {} million", pixels,
                    vision::max_image_pixels / 1'000'000);
    return result;
}

Result<ScoredMatch> match_from(const json& detection) {
    const auto score = detection.at(0).get<double>();
    if (!(score >= 0 && score <= 1)) return fail(ErrorCode::invalid_argument, "{} is no score", score);
    return ScoredMatch{static_cast<float>(score), detection.at(1).get<bool>()};
}

Result<ImageRecord> record_from(const json& image) {
    ImageRecord record;
    record.name = image.at("name").get<std::string>();
    OCTET_ASSIGN(record.index, count_from(image.at("index"), max_count));
    OCTET_ASSIGN(record.truth_boxes, count_from(image.at("truth_boxes"), max_count));
    std::int64_t correct = 0;
    for (const json& detection : image.at("detections")) {
        OCTET_ASSIGN(const ScoredMatch one, match_from(detection));
        correct += one.correct;
        record.matches.push_back(one);
    }
    if (correct > record.truth_boxes)
        return fail(ErrorCode::invalid_argument, "{} of {} boxes are found", correct, record.truth_boxes);
    OCTET_ASSIGN(record.drivable, confusion_from(image.at("drivable_px")));
    OCTET_ASSIGN(record.lane, confusion_from(image.at("lane_px")));
    return record;
}

}  // namespace

std::string to_json(const PartialEvaluation& partial) {
    json images = json::array();
    for (const ImageRecord& record : partial.records) {
        json detections = json::array();
        for (const ScoredMatch& one : record.matches) detections.push_back({one.score, one.correct});
        images.push_back({{"index", record.index},
                          {"name", record.name},
                          {"truth_boxes", record.truth_boxes},
                          {"detections", std::move(detections)},
                          {"drivable_px", to_json(record.drivable)},
                          {"lane_px", to_json(record.lane)}});
    }
    const json whole = {{"octet_partial_evaluation", format_version},
                        {"model", partial.model},
                        {"model_digest", partial.model_digest},
                        {"input", partial.input},
                        {"set_digest", partial.set_digest},
                        {"set_images", partial.set_images},
                        {"images", std::move(images)}};
    return json_text(whole) + "\n";
}

Result<PartialEvaluation> parse_partial(const std::string& text, const std::string& name) {
    try {
        const json whole = json::parse(text);
        if (whole.at("octet_partial_evaluation") != format_version)
            return fail(ErrorCode::unsupported, "{}: a partial evaluation of another version", name);
        PartialEvaluation partial;
        partial.model = whole.at("model").get<std::string>();
        partial.model_digest = whole.at("model_digest").get<std::string>();
        partial.input = whole.at("input").get<std::string>();
        partial.set_digest = whole.at("set_digest").get<std::string>();
        auto set_images = count_from(whole.at("set_images"), max_count);
        if (!set_images) return at(name + ": set_images", set_images.error());
        partial.set_images = *set_images;
        for (const json& image : whole.at("images")) {
            auto record = record_from(image);
            if (!record) return at(fmt::format("{}: images[{}]", name, partial.records.size()), record.error());
            partial.records.push_back(std::move(*record));
        }
        return partial;
    } catch (const json::exception& error) {
        return fail(ErrorCode::io, "{}: not a partial evaluation (--shard writes them): {}", name, error.what());
    }
}

Result<std::vector<ImageRecord>> merge(const std::vector<PartialEvaluation>& parts,
                                       const std::vector<std::string>& part_names) {
    std::vector<ImageRecord> records;
    std::set<std::int64_t> seen;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const PartialEvaluation& part = parts[i];
        const PartialEvaluation& first = parts[0];
        if (part.model_digest != first.model_digest)
            return fail(ErrorCode::invalid_argument, "{}: made with another model than {} ({} and {})", part_names[i],
                        part_names[0], part.model, first.model);
        if (part.input != first.input)
            return fail(ErrorCode::invalid_argument, "{}: made with the input {}, {} with {}", part_names[i],
                        part.input, part_names[0], first.input);
        if (part.set_digest != first.set_digest || part.set_images != first.set_images)
            return fail(ErrorCode::invalid_argument, "{}: made on another set than {}", part_names[i], part_names[0]);
        for (const ImageRecord& record : part.records) {
            if (record.index < 0 || record.index >= part.set_images)
                return fail(ErrorCode::invalid_argument, "{}: image {} of a set of {}", part_names[i], record.index,
                            part.set_images);
            if (!seen.insert(record.index).second)
                return fail(ErrorCode::invalid_argument, "{}: image '{}' is in another part too", part_names[i],
                            record.name);
            records.push_back(record);
        }
    }
    if (parts.empty() || static_cast<std::int64_t>(records.size()) != parts[0].set_images)
        return fail(ErrorCode::invalid_argument, "the parts hold {} of the set's {} images: a shard is missing",
                    records.size(), parts.empty() ? 0 : parts[0].set_images);
    return records;
}

}  // namespace octet::yolop
