#include "apps/common/bench_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/json_text.h"

namespace octet::apps {
namespace {

using Json = nlohmann::ordered_json;

std::string ms_cell(std::optional<double> ms) {
    return ms ? fmt::format("{:.3f}", *ms) : "-";
}

std::string ratio_cell(std::optional<double> old, std::optional<double> now) {
    return old && now && *old > 0 ? fmt::format("{:.3f}", *now / *old) : "-";
}

std::string rate_cell(std::int64_t macs, double ms) {
    return macs > 0 ? fmt::format("{:.1f}", gmac_per_s(macs, ms)) : "";
}

std::string gmac_cell(std::int64_t macs) {
    return macs > 0 ? fmt::format("{:.4f}", static_cast<double>(macs) / 1e9) : "";
}

struct Total {
    double ms = 0;
    std::int64_t macs = 0;
};

Total total_of(std::span<const LayerTime> layers) {
    Total total;
    for (const LayerTime& layer : layers) {
        total.ms += layer.ms;
        total.macs += layer.macs;
    }
    return total;
}

std::string share_cell(double ms, double total_ms) {
    return total_ms > 0 ? fmt::format("{:.1f} %", 100 * ms / total_ms) : "-";
}

Json json_number(std::optional<double> value) {
    return value ? Json(*value) : Json(nullptr);
}

Json comparison_json(const BenchReport& old, const BenchReport& now) {
    const double old_ms = old.summary().median_ms, new_ms = now.summary().median_ms;
    Json json{{"old_latency_median_ms", old_ms},
              {"latency_median_ratio", old_ms > 0 ? Json(new_ms / old_ms) : Json(nullptr)}};
    for (const LayerChange& change : compare_layers(old.layers, now.layers)) {
        const bool both = change.old_ms && change.new_ms && *change.old_ms > 0;
        json["layers"].push_back({{"name", change.name},
                                  {"old_ms", json_number(change.old_ms)},
                                  {"new_ms", json_number(change.new_ms)},
                                  {"ratio", both ? Json(*change.new_ms / *change.old_ms) : Json(nullptr)}});
    }
    return json;
}

// A finite number that is not negative.
Result<double> duration(const Json& json, const std::string& what) {
    if (!json.is_number()) return fail(ErrorCode::invalid_argument, "{} is not a number", what);
    const double value = json.get<double>();
    if (!std::isfinite(value) || value < 0) return fail(ErrorCode::invalid_argument, "{} is {}", what, value);
    return value;
}

std::string text_member(const Json& json, const char* key) {
    const auto member = json.find(key);
    return member != json.end() && member->is_string() ? member->get<std::string>() : std::string();
}

Result<double> duration_member(const Json& json, const char* key, const std::string& where) {
    const auto member = json.find(key);
    if (member == json.end()) return 0.0;
    return duration(*member, where + key);
}

Result<LayerTime> parse_layer(const Json& json, std::size_t index) {
    const std::string where = fmt::format("layers[{}]", index);
    if (!json.is_object()) return fail(ErrorCode::invalid_argument, "{} is not an object", where);
    LayerTime layer{.name = text_member(json, "name"), .kernel = text_member(json, "kernel")};
    OCTET_ASSIGN(layer.ms, duration_member(json, "ms", where + "."));
    OCTET_ASSIGN(const double macs, duration_member(json, "macs", where + "."));
    if (macs > 1e18) return fail(ErrorCode::invalid_argument, "{}.macs is {}", where, macs);
    layer.macs = static_cast<std::int64_t>(macs);
    return layer;
}

Result<BenchReport> parse_report(const Json& json) {
    if (!json.is_object() || !json.contains("latencies_ms") || !json["latencies_ms"].is_array() ||
        json["latencies_ms"].empty())
        return fail(ErrorCode::invalid_argument, "no array 'latencies_ms': not what octet-bench --json prints");
    BenchReport report{.model = text_member(json, "model"),
                       .cpu = text_member(json, "cpu"),
                       .isa = text_member(json, "isa"),
                       .input = text_member(json, "input")};
    for (const Json& latency : json["latencies_ms"]) {
        OCTET_ASSIGN(const double ms, duration(latency, "an element of latencies_ms"));
        report.latencies_ms.push_back(ms);
    }
    OCTET_ASSIGN(report.load_ms, duration_member(json, "load_ms", ""));
    OCTET_ASSIGN(report.first_run_ms, duration_member(json, "first_run_ms", ""));
    OCTET_ASSIGN(report.peak_memory_mb, duration_member(json, "peak_memory_mb", ""));
    if (const auto threads = json.find("threads"); threads != json.end() && threads->is_number_integer())
        report.threads = static_cast<int>(std::clamp<std::int64_t>(threads->get<std::int64_t>(), 0, 1024));
    if (const auto layers = json.find("layers"); layers != json.end() && layers->is_array()) {
        for (const Json& layer : *layers) {
            OCTET_ASSIGN(LayerTime parsed, parse_layer(layer, report.layers.size()));
            report.layers.push_back(std::move(parsed));
        }
    }
    return report;
}

}  // namespace

double gmac_per_s(std::int64_t macs, double ms) {
    return ms > 0 ? static_cast<double>(macs) / (ms * 1e6) : 0;
}

std::vector<KernelTime> sum_by_kernel(std::span<const LayerTime> layers) {
    std::map<std::string, KernelTime> sums;
    for (const LayerTime& layer : layers) {
        KernelTime& sum = sums[layer.kernel];
        sum.kernel = layer.kernel;
        ++sum.steps;
        sum.ms += layer.ms;
        sum.macs += layer.macs;
    }
    std::vector<KernelTime> kernels;
    for (auto& [name, sum] : sums) kernels.push_back(std::move(sum));
    std::stable_sort(kernels.begin(), kernels.end(),
                     [](const KernelTime& a, const KernelTime& b) { return a.ms > b.ms; });
    return kernels;
}

Table layer_table(std::span<const LayerTime> layers) {
    const Total total = total_of(layers);
    Table table{.header = {"layer", "kernel", "ms", "share", "GMAC", "GMAC/s"}, .rows = {}};
    for (const LayerTime& layer : layers) {
        table.rows.push_back({layer.name, layer.kernel, ms_cell(layer.ms), share_cell(layer.ms, total.ms),
                              gmac_cell(layer.macs), rate_cell(layer.macs, layer.ms)});
    }
    table.rows.push_back({"all", "", ms_cell(total.ms), share_cell(total.ms, total.ms), gmac_cell(total.macs),
                          rate_cell(total.macs, total.ms)});
    return table;
}

Table kernel_table(std::span<const LayerTime> layers) {
    const double total_ms = total_of(layers).ms;
    Table table{.header = {"kernel", "steps", "ms", "share", "GMAC", "GMAC/s"}, .rows = {}};
    for (const KernelTime& sum : sum_by_kernel(layers)) {
        table.rows.push_back({sum.kernel, std::to_string(sum.steps), ms_cell(sum.ms), share_cell(sum.ms, total_ms),
                              gmac_cell(sum.macs), rate_cell(sum.macs, sum.ms)});
    }
    return table;
}

std::vector<LayerChange> compare_layers(std::span<const LayerTime> old, std::span<const LayerTime> now) {
    std::multimap<std::string, const LayerTime*> left;  // equal keys keep their order
    for (const LayerTime& layer : old) left.emplace(layer.name, &layer);
    std::vector<LayerChange> changes;
    for (const LayerTime& layer : now) {
        LayerChange change{
            .name = layer.name, .old_ms = {}, .new_ms = layer.ms, .old_kernel = {}, .new_kernel = layer.kernel};
        if (const auto before = left.lower_bound(layer.name); before != left.end() && before->first == layer.name) {
            change.old_ms = before->second->ms;
            change.old_kernel = before->second->kernel;
            left.erase(before);
        }
        changes.push_back(std::move(change));
    }
    for (const auto& [name, layer] : left)
        changes.push_back(
            {.name = name, .old_ms = layer->ms, .new_ms = {}, .old_kernel = layer->kernel, .new_kernel = {}});
    return changes;
}

Table comparison_table(const BenchReport& old, const BenchReport& now) {
    const LatencySummary before = old.summary(), after = now.summary();
    Table table{.header = {"", "old", "new", "new / old"}, .rows = {}};
    const auto row = [&](const char* what, double old_value, double new_value) {
        table.rows.push_back({what, ms_cell(old_value), ms_cell(new_value), ratio_cell(old_value, new_value)});
    };
    row("median ms", before.median_ms, after.median_ms);
    row("p90 ms", before.p90_ms, after.p90_ms);
    row("p99 ms", before.p99_ms, after.p99_ms);
    row("min ms", before.min_ms, after.min_ms);
    row("first run ms", old.first_run_ms, now.first_run_ms);
    row("load ms", old.load_ms, now.load_ms);
    row("peak memory MB", old.peak_memory_mb, now.peak_memory_mb);
    return table;
}

Table layer_comparison_table(std::span<const LayerChange> changes) {
    Table table{.header = {"layer", "kernel", "old ms", "new ms", "new / old"}, .rows = {}};
    for (const LayerChange& change : changes) {
        const bool replaced = change.old_ms && change.new_ms && change.old_kernel != change.new_kernel;
        table.rows.push_back({change.name,
                              replaced ? change.old_kernel + " -> " + change.new_kernel
                                       : (change.new_ms ? change.new_kernel : change.old_kernel),
                              ms_cell(change.old_ms), ms_cell(change.new_ms),
                              ratio_cell(change.old_ms, change.new_ms)});
    }
    return table;
}

std::string to_json(const BenchReport& report, const BenchReport* old) {
    const LatencySummary summary = report.summary();
    Json json{{"model", report.model},
              {"cpu", report.cpu},
              {"isa", report.isa},
              {"threads", report.threads},
              {"input", report.input},
              {"load_ms", report.load_ms},
              {"first_run_ms", report.first_run_ms},
              {"warmup_runs", report.warmup_runs},
              {"latency_min_ms", summary.min_ms},
              {"latency_median_ms", summary.median_ms},
              {"latency_p90_ms", summary.p90_ms},
              {"latency_p99_ms", summary.p99_ms},
              {"noisy", summary.noisy()},
              {"peak_memory_mb", report.peak_memory_mb},
              {"latencies_ms", report.latencies_ms},
              {"layers", Json::array()},
              {"float_layers", Json::array()}};
    for (const engine::FloatLayer& layer : report.float_layers)
        json["float_layers"].push_back({{"name", layer.name}, {"operator", layer.op}, {"reason", layer.reason}});
    for (const LayerTime& layer : report.layers) {
        json["layers"].push_back({{"name", layer.name},
                                  {"kernel", layer.kernel},
                                  {"ms", layer.ms},
                                  {"macs", layer.macs},
                                  {"gmac_per_s", gmac_per_s(layer.macs, layer.ms)}});
    }
    if (old) json["comparison"] = comparison_json(*old, report);
    return json_text(json, 2) + "\n";
}

Result<BenchReport> parse_bench_report(const std::string& text, const std::string& name) {
    const Json json = Json::parse(text, nullptr, false);
    if (json.is_discarded()) return fail(ErrorCode::invalid_argument, "{}: not JSON", name);
    auto report = parse_report(json);
    if (!report) return at(name, std::move(report).error());
    return report;
}

}  // namespace octet::apps
