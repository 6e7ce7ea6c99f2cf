#include "quantizer/report_data.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/digest.h"
#include "base/file.h"
#include "quantizer/report_yolop.h"
#include "yolop/evaluate.h"

namespace octet::quantizer {
namespace {

constexpr std::size_t display_bins = 180;
constexpr std::size_t largest_model = std::size_t{1} << 31;

// The bins of a histogram as (value at the centre, count), without the exact zeros where `skip_zeros`.
template <typename Visit>
void for_each_bin(const quant::Histogram& histogram, bool skip_zeros, const Visit& visit) {
    for (const bool negative : {true, false}) {
        const auto& counts = negative ? histogram.negative() : histogram.positive();
        for (std::size_t i = 0; i < counts.size(); ++i) {
            const std::uint64_t zeros = !negative && i == 0 && skip_zeros ? histogram.zeros() : 0;
            if (counts[i] == zeros) continue;
            const double centre = (static_cast<double>(i) + 0.5) * histogram.width();
            visit(negative ? -centre : centre, counts[i] - zeros);
        }
    }
}

void fill_histogram(ReportActivation& activation, std::span<const quant::Member> members) {
    const double lo = std::min(activation.extent.lo, 0.0F), hi = std::max(activation.extent.hi, 0.0F);
    if (!(hi > lo)) {
        // A tensor of zeros.
        activation.edges = {-0.5, 0.5};
        activation.counts = {static_cast<double>(activation.total)};
        return;
    }
    activation.counts.assign(display_bins, 0);
    for (std::size_t i = 0; i <= display_bins; ++i)
        activation.edges.push_back(lo + (hi - lo) * static_cast<double>(i) / display_bins);
    for (const quant::Member& member : members) {
        for_each_bin(*member.histogram, false, [&](double value, std::uint64_t count) {
            const double place = (value - lo) / (hi - lo) * display_bins;
            const auto bin = static_cast<std::size_t>(std::clamp(place, 0.0, display_bins - 1.0));
            activation.counts[bin] += static_cast<double>(count);
        });
    }
}

struct GridQuality {
    double sqnr_db = 0;
    double outside_pct = 0;
};

GridQuality quality(std::span<const quant::Member> members, const Grid& grid) {
    quant::Fidelity fidelity;
    std::uint64_t outside = 0, total = 0;
    const quant::Range reach = quant::reach(grid);
    for (const quant::Member& member : members) {
        fidelity.noise += quant::squared_error(*member.histogram, grid);
        total += member.histogram->total();
        // Half a step beyond the last integer is rounded, not saturated.
        const double slack = static_cast<double>(grid.scale) / 2 + member.histogram->width() / 2;
        for_each_bin(*member.histogram, true, [&](double value, std::uint64_t count) {
            fidelity.signal += static_cast<double>(count) * value * value;
            if (value < reach.lo - slack || value > reach.hi + slack) outside += count;
        });
    }
    return {fidelity.sqnr_db(), total == 0 ? 0 : 100.0 * static_cast<double>(outside) / static_cast<double>(total)};
}

void fill_candidates(ReportActivation& activation, std::span<const quant::Member> members,
                     quant::RangeOptions options) {
    for (const quant::Method method :
         {quant::Method::minmax, quant::Method::percentile, quant::Method::entropy, quant::Method::mse}) {
        options.method = method;
        const quant::Range range = quant::choose_range(members, options);
        const Grid grid = options.symmetric ? quant::symmetric_grid(range, options.dtype)
                                            : quant::asymmetric_grid(range, options.dtype);
        const auto [sqnr_db, outside_pct] = quality(members, grid);
        activation.candidates.push_back({method, grid, sqnr_db, outside_pct});
    }
}

std::vector<quant::Member> members_of(const quant::GridGroup& group, const quant::Calibration& calibration) {
    std::vector<quant::Member> members;
    for (const ValueId source : group.sources) {
        const auto& statistics = calibration.values[static_cast<std::size_t>(source)];
        if (statistics.histogram.total() > 0) members.push_back({&statistics.histogram, statistics.extent});
    }
    return members;
}

ReportActivation describe_group(const quant::QuantModel& model, std::size_t index,
                                const quant::Calibration& calibration, const quant::QuantizeOptions& options) {
    const quant::GridGroup& group = model.plan.groups[index];
    ReportActivation activation;
    activation.method = quant::range_method(model, group, options);
    activation.kind = group.kind;
    activation.grid = model.grids[index];
    for (const ValueId source : group.sources) activation.sources.push_back(model.graph.value(source).name);
    const auto members = members_of(group, calibration);
    if (members.empty()) {
        activation.sqnr_db = std::numeric_limits<double>::infinity();
        return activation;
    }
    for (const quant::Member& member : members) {
        activation.extent.merge(member.extent);
        activation.total += member.histogram->total();
        activation.zeros += member.histogram->zeros();
    }
    const auto [sqnr_db, outside_pct] = quality(members, activation.grid);
    activation.sqnr_db = sqnr_db;
    activation.outside_pct = outside_pct;
    fill_histogram(activation, members);
    fill_candidates(activation, members, options.range);
    return activation;
}

void fill_divergences(std::span<ReportActivation> activations, const Graph& graph,
                      const quant::Calibration& calibration, bool symmetric, const ParallelFor& parallel_for) {
    std::vector<std::pair<ReportDivergence*, const quant::Histogram*>> wanted;
    for (ReportActivation& activation : activations) {
        activation.divergence.resize(activation.total > 0 ? activation.sources.size() : 0);
        for (std::size_t i = 0; i < activation.divergence.size(); ++i) {
            const auto value = static_cast<std::size_t>(graph.find_value(activation.sources[i]));
            activation.divergence[i].value = activation.sources[i];
            const quant::Range full{std::min(activation.extent.lo, 0.0F), std::max(activation.extent.hi, 0.0F)};
            activation.divergence[i].result.levels = quant::entropy_levels(full, symmetric);
            wanted.emplace_back(&activation.divergence[i], &calibration.values[value].histogram);
        }
    }
    parallel_for(static_cast<std::int64_t>(wanted.size()), [&](std::int64_t i) {
        const auto [divergence, histogram] = wanted[static_cast<std::size_t>(i)];
        divergence->bin_width = histogram->width();
        divergence->result = quant::entropy_threshold(*histogram, divergence->result.levels);
    });
    for (ReportActivation& activation : activations)
        std::erase_if(activation.divergence, [](const ReportDivergence& one) { return one.result.divergence.empty(); });
}

std::vector<ReportLayer> describe_layers(const quant::QuantModel& model, const std::vector<LayerError>& errors) {
    std::vector<ReportLayer> layers;
    for (const auto& [layer, accumulated] : errors) {
        layers.push_back({layer.node, layer.op, model.plan.group(layer.value)->kind, *model.grid(layer.value),
                          layer.alone, accumulated});
    }
    return layers;
}

std::string joined(const std::set<std::string>& names) {
    return fmt::format("{}", fmt::join(names, ", "));
}

void add_facts(Report& report, const QuantizeJob& job, const QuantizeOutcome& outcome) {
    const quant::QuantizeOptions& options = job.options;
    std::string method(quant::method_name(options.range.method));
    if (options.range.method == quant::Method::percentile) method += fmt::format(" {} %", options.range.percentile);
    const auto add = [&](std::string name, std::string value) {
        report.facts.emplace_back(std::move(name), std::move(value));
    };
    add("FP32 model", fmt::format("{} (FNV-1a {})", job.model, report.float_model.digest));
    add("INT8 model", fmt::format("{} (FNV-1a {})", job.output, report.integer_model.digest));
    add("recipe", std::string(quant::recipe_name(options.recipe)));
    if (options.recipe == quant::Recipe::npu) add("profile", job.profile);
    const bool symmetric = options.range.symmetric || options.chip.zero_point_zero;
    add("activation ranges", fmt::format("{}, {}, 8 bits, per tensor", method, symmetric ? "symmetric" : "asymmetric"));
    const quant::LayerOptions layers = quant::layer_options(options);
    add("weights",
        fmt::format("int8, symmetric, per {}, scales by {}", layers.per_channel ? "channel" : "tensor",
                    layers.weight_scale == quant::WeightScale::mse ? "least squared error" : "the largest magnitude"));
    if (options.recipe == quant::Recipe::reference)
        add("box coordinates", options.box_normalization ? "divided by 640 in the network" : "not divided by 640");
    add("calibration images",
        fmt::format("{} from {} (FNV-1a {})", outcome.images.paths.size(), job.images, outcome.images.digest));
    add("statistics", outcome.cache_was_used ? "from the cache " + job.cache : "counted in this run");
    add("bias correction and measurements",
        outcome.measured_images == 0 ? "none" : fmt::format("on {} images", outcome.measured_images));
    if (options.normalization)
        add("input normalization", fmt::format("mean {}, deviation {}", fmt::join(options.normalization->mean, " "),
                                               fmt::join(options.normalization->std, " ")));
    else
        add("input normalization", "none: pixel / 255");
    if (!options.keep_float.empty()) add("kept in float", joined(options.keep_float));
    if (!options.keep_int16.empty()) add("kept at 16 bits", joined(options.keep_int16));
}

}  // namespace

std::vector<ReportActivation> describe_activations(const quant::QuantModel& model,
                                                   const quant::Calibration& calibration,
                                                   const quant::QuantizeOptions& options) {
    std::vector<ReportActivation> activations(model.plan.groups.size());
    options.parallel_for(static_cast<std::int64_t>(activations.size()), [&](std::int64_t i) {
        const auto index = static_cast<std::size_t>(i);
        activations[index] = describe_group(model, index, calibration, options);
    });
    std::stable_sort(activations.begin(), activations.end(),
                     [](const auto& a, const auto& b) { return a.sqnr_db < b.sqnr_db; });
    const std::span shown = std::span(activations).first(std::min(report_worst_count, activations.size()));
    fill_divergences(shown, model.graph, calibration, options.range.symmetric, options.parallel_for);
    return activations;
}

Result<Report> collect_report(const QuantizeJob& job, const QuantizeOutcome& outcome) {
    Report report;
    report.version = OCTET_VERSION;
    OCTET_ASSIGN(const auto bytes, read_file(job.output, largest_model));
    report.float_model = {job.model, outcome.float_digest, outcome.float_bytes, outcome.float_parts};
    report.integer_model = {job.output, digest(bytes), outcome.integer_bytes, outcome.integer_parts};
    add_facts(report, job, outcome);
    report.skipped = outcome.images.skipped;
    report.layers = describe_layers(outcome.model, outcome.layers);
    report.outputs = outcome.outputs;
    report.plain_outputs = outcome.plain_outputs;
    report.outputs_measured_on = outputs_measured_on(outcome);
    report.activations = describe_activations(outcome.model, outcome.calibration, job.options);
    add_execution(report, job, outcome);
    return report;
}

}  // namespace octet::quantizer
