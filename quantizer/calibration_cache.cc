#include "quantizer/calibration_cache.h"

#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "base/json_text.h"

namespace octet::quantizer {
namespace {

using nlohmann::json;

constexpr const char* format_name = "octet-calibration";
constexpr int format_version = 1;
// Sums over all bins of all images stay far from overflowing.
constexpr std::int64_t max_count = std::int64_t{1} << 48;

// The key of a value in the file: its name with every byte that is not ASCII, and "%", as %XX. A name need not be
// UTF-8, and names must stay apart.
std::string key_of(const std::string& name) {
    std::string key;
    for (const char c : name) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x80 || c == '%') {
            key += fmt::format("%{:02X}", byte);
        } else {
            key += c;
        }
    }
    return key;
}

json counts_to_json(std::vector<std::uint64_t> counts) {
    while (!counts.empty() && counts.back() == 0) counts.pop_back();
    return counts;
}

Result<std::vector<std::uint64_t>> counts_from_json(const json& array) {
    if (!array.is_array() || array.size() > quant::histogram_bins)
        return fail(ErrorCode::invalid_argument, "has no valid bins");
    std::vector<std::uint64_t> counts(quant::histogram_bins);
    for (std::size_t i = 0; i < array.size(); ++i) {
        OCTET_ASSIGN(counts[i], count_from(array[i], max_count));
    }
    return counts;
}

json extents_to_json(const std::vector<quant::Extent>& channels) {
    json array = json::array();
    for (const quant::Extent& channel : channels) array.push_back({channel.lo, channel.hi});
    return array;
}

Result<std::vector<quant::Extent>> extents_from_json(const json& array) {
    std::vector<quant::Extent> channels;
    for (const json& pair : array) {
        quant::Extent& channel = channels.emplace_back();
        channel.lo = pair.at(0).get<float>();
        channel.hi = pair.at(1).get<float>();
        channel.count = 1;
        if (!std::isfinite(channel.limit()) || channel.lo > channel.hi)
            return fail(ErrorCode::invalid_argument, "has no valid ranges of channels");
    }
    return channels;
}

Result<quant::ValueStatistics> statistics_from_json(const json& entry) {
    quant::ValueStatistics statistics;
    statistics.extent.lo = entry.at("lo").get<float>();
    statistics.extent.hi = entry.at("hi").get<float>();
    OCTET_ASSIGN(statistics.extent.count, count_from(entry.at("count"), max_count));
    if (!std::isfinite(statistics.extent.limit()) || statistics.extent.lo > statistics.extent.hi) {
        return fail(ErrorCode::invalid_argument, "has no valid range");
    }
    if (entry.contains("channels")) {
        OCTET_ASSIGN(statistics.channels, extents_from_json(entry.at("channels")));
    }
    if (!entry.contains("limit")) return statistics;
    const auto limit = entry.at("limit").get<float>();
    if (!std::isfinite(limit) || limit < 0) return fail(ErrorCode::invalid_argument, "has no valid limit");
    OCTET_ASSIGN(auto positive, counts_from_json(entry.at("positive")));
    OCTET_ASSIGN(auto negative, counts_from_json(entry.at("negative")));
    OCTET_ASSIGN(const std::int64_t zeros, count_from(entry.at("zeros"), max_count));
    statistics.histogram = quant::Histogram::from_counts(limit, std::move(positive), std::move(negative),
                                                         static_cast<std::uint64_t>(zeros));
    return statistics;
}

Result<void> check_key(const json& file, const CalibrationKey& key) {
    if (file.at("format") != format_name || file.at("version") != format_version) {
        return fail(ErrorCode::invalid_argument,
                    "is no calibration of this version of octet; give another --cache file");
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
    OCTET_ASSIGN(calibration.images, count_from(file.at("images"), max_count));
    calibration.values.resize(graph.value_count());
    std::map<std::string, std::size_t> values;
    for (std::size_t v = 0; v < graph.value_count(); ++v) {
        const Value& value = graph.value(static_cast<ValueId>(v));
        if (!value.removed) values.emplace(key_of(value.name), v);
    }
    for (const auto& [key_in_file, entry] : file.at("values").items()) {
        const auto value = values.find(key_in_file);
        if (value == values.end())
            return fail(ErrorCode::invalid_argument, "has a value '{}' that the model lacks", key_in_file);
        auto statistics = statistics_from_json(entry);
        if (!statistics) return at("value '" + key_in_file + "'", statistics.error());
        const auto& shape = graph.value(static_cast<ValueId>(value->second)).shape;
        const auto channels = static_cast<std::int64_t>(statistics->channels.size());
        if (channels != 0 && (!shape || shape->size() != 4 || (*shape)[1] != channels))
            return fail(ErrorCode::invalid_argument, "value '{}' has not so many channels", key_in_file);
        calibration.values[value->second] = std::move(*statistics);
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
        const auto& [extent, histogram, channels] = calibration.values[v];
        if (extent.count == 0) continue;
        json entry{{"lo", extent.lo}, {"hi", extent.hi}, {"count", extent.count}};
        if (histogram.total() > 0) {
            entry["limit"] = histogram.limit();
            entry["zeros"] = histogram.zeros();
            entry["positive"] = counts_to_json(histogram.positive());
            entry["negative"] = counts_to_json(histogram.negative());
        }
        if (!channels.empty()) entry["channels"] = extents_to_json(channels);
        values[key_of(graph.value(static_cast<ValueId>(v)).name)] = std::move(entry);
    }
    return json_text(json{{"format", format_name},
                          {"version", format_version},
                          {"model_digest", key.model_digest},
                          {"form", key.form},
                          {"images_digest", key.images_digest},
                          {"images", calibration.images},
                          {"values", std::move(values)}});
}

Result<quant::Calibration> calibration_from_json(const std::string& text, const std::string& name, const Graph& graph,
                                                 const std::vector<ValueId>& wanted, const CalibrationKey& key) {
    try {
        auto calibration = parse(text, graph, wanted, key);
        if (!calibration) return at("calibration cache " + name, calibration.error());
        return calibration;
    } catch (const json::exception& error) {
        return fail(ErrorCode::invalid_argument,
                    "calibration cache {}: is damaged, or something else: {}; give another --cache file", name,
                    error.what());
    }
}

}  // namespace octet::quantizer
