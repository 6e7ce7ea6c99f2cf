#include "apps/common/calibration_cache.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace octet::apps {
namespace {

using nlohmann::json;

constexpr const char* format_name = "octet-calibration";
constexpr int format_version = 1;

json counts_to_json(std::vector<std::uint64_t> counts) {
    while (!counts.empty() && counts.back() == 0) counts.pop_back();
    return counts;
}

Result<std::vector<std::uint64_t>> counts_from_json(const json& array) {
    auto counts = array.get<std::vector<std::uint64_t>>();
    if (counts.size() > quant::histogram_bins) return fail(ErrorCode::invalid_argument, "has too many bins");
    counts.resize(quant::histogram_bins);
    return counts;
}

Result<quant::ValueStatistics> statistics_from_json(const json& entry) {
    quant::ValueStatistics statistics;
    statistics.extent.lo = entry.at("lo").get<float>();
    statistics.extent.hi = entry.at("hi").get<float>();
    statistics.extent.count = entry.at("count").get<std::uint64_t>();
    if (!std::isfinite(statistics.extent.limit()) || statistics.extent.lo > statistics.extent.hi) {
        return fail(ErrorCode::invalid_argument, "has no valid range");
    }
    if (!entry.contains("limit")) return statistics;
    const auto limit = entry.at("limit").get<float>();
    if (!std::isfinite(limit) || limit < 0) return fail(ErrorCode::invalid_argument, "has no valid limit");
    OCTET_ASSIGN(auto positive, counts_from_json(entry.at("positive")));
    OCTET_ASSIGN(auto negative, counts_from_json(entry.at("negative")));
    statistics.histogram = quant::Histogram::from_counts(limit, std::move(positive), std::move(negative),
                                                         entry.at("zeros").get<std::uint64_t>());
    return statistics;
}

Result<void> check_key(const json& file, const CalibrationKey& key) {
    if (file.at("format") != format_name || file.at("version") != format_version) {
        return fail(ErrorCode::invalid_argument,
                    "is no calibration of this version of octet; delete it to make a new one");
    }
    if (file.at("model_digest") != key.model_digest) {
        return fail(ErrorCode::invalid_argument, "belongs to another model; give another --cache file");
    }
    if (file.at("form") != key.form) {
        return fail(ErrorCode::invalid_argument, "was made with other options ({}, now {}); give another --cache file",
                    file.at("form").get<std::string>(), key.form);
    }
    if (file.at("images_digest") != key.images_digest) {
        return fail(ErrorCode::invalid_argument, "was made from other images; give another --cache file");
    }
    return {};
}

Result<quant::Calibration> parse(const std::string& text, const Graph& graph, const std::vector<ValueId>& wanted,
                                 const CalibrationKey& key) {
    const json file = json::parse(text);
    OCTET_TRY(check_key(file, key));
    quant::Calibration calibration;
    calibration.images = file.at("images").get<std::int64_t>();
    calibration.values.resize(graph.value_count());
    for (const auto& [value_name, entry] : file.at("values").items()) {
        const ValueId id = graph.find_value(value_name);
        if (id == no_value)
            return fail(ErrorCode::invalid_argument, "has a value '{}' that the model lacks", value_name);
        auto statistics = statistics_from_json(entry);
        if (!statistics) return at("value '" + value_name + "'", statistics.error());
        calibration.values[static_cast<std::size_t>(id)] = std::move(*statistics);
    }
    for (const ValueId id : wanted) {
        const auto& statistics = calibration.values[static_cast<std::size_t>(id)];
        if (statistics.histogram.total() == 0) {
            return fail(ErrorCode::invalid_argument, "lacks the histogram of '{}'", graph.value(id).name);
        }
    }
    return calibration;
}

}  // namespace

std::string calibration_to_json(const Graph& graph, const quant::Calibration& calibration, const CalibrationKey& key) {
    json values = json::object();
    for (std::size_t v = 0; v < calibration.values.size(); ++v) {
        const auto& [extent, histogram] = calibration.values[v];
        if (extent.count == 0) continue;
        json entry{{"lo", extent.lo}, {"hi", extent.hi}, {"count", extent.count}};
        if (histogram.total() > 0) {
            entry["limit"] = histogram.limit();
            entry["zeros"] = histogram.zeros();
            entry["positive"] = counts_to_json(histogram.positive());
            entry["negative"] = counts_to_json(histogram.negative());
        }
        values[graph.value(static_cast<ValueId>(v)).name] = std::move(entry);
    }
    return json{{"format", format_name},      {"version", format_version},          {"model_digest", key.model_digest},
                {"form", key.form},           {"images_digest", key.images_digest}, {"images", calibration.images},
                {"values", std::move(values)}}
        .dump();
}

Result<quant::Calibration> calibration_from_json(const std::string& text, const std::string& name, const Graph& graph,
                                                 const std::vector<ValueId>& wanted, const CalibrationKey& key) {
    try {
        auto calibration = parse(text, graph, wanted, key);
        if (!calibration) return at("calibration cache " + name, calibration.error());
        return calibration;
    } catch (const json::exception& error) {
        return fail(ErrorCode::invalid_argument, "calibration cache {}: is damaged: {}; delete it to make a new one",
                    name, error.what());
    }
}

}  // namespace octet::apps
