#include "quantizer/width_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "quantizer/measured_fidelity.h"
#include "quantizer/trial.h"

namespace octet::quantizer {
namespace {

// Nearer than this, or further away, makes no difference.
constexpr double highest_db = 60, lowest_db = -10;

double decibels(const quant::Fidelity& fidelity) {
    return std::clamp(fidelity.sqnr_db(), lowest_db, highest_db);
}

double decibels(const OutputFidelity& output) {
    if (output.channels.empty()) return decibels(output.whole);
    double channels = 0;
    for (const quant::Fidelity& channel : output.channels)
        channels += decibels(channel) / static_cast<double>(output.channels.size());
    return (decibels(output.whole) + channels) / 2;
}

struct Trial {
    double worst_db = std::numeric_limits<double>::infinity();
    double noise = 0;  // over the signal, summed over the outputs
    double work = 0;
    std::size_t float_layers = 0;
};

class Search {
  public:
    Search(const quant::QuantModel& model, const quant::Calibration& calibration, const quant::QuantizeOptions& options,
           int threads)
        : model_(model), calibration_(calibration), options_(options), threads_(threads) {}

    Result<void> prepare(engine::Session& reference, const quant::Dataset& dataset, std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) {
            OCTET_ASSIGN(Tensor image, dataset.load((2 * i + 1) * dataset.size / (2 * count)));
            OCTET_ASSIGN(auto outputs, reference.run({&image, 1}));
            images_.push_back(std::move(image));
            expected_.push_back(std::move(outputs));
        }
        return {};
    }

    // The network with 16 bits behind these nodes, too, on the first pictures; `images` 0: it is compiled and not run.
    Result<Trial> run(const std::vector<std::string>& nodes, std::int64_t images) const {
        quant::QuantizeOptions options = options_;
        options.keep_int16.insert(nodes.begin(), nodes.end());
        OCTET_ASSIGN(const auto executable, compile_trial(model_, calibration_, options));
        Trial trial;
        trial.work = work(executable->program());
        trial.float_layers = executable->program().float_layers().size();
        if (images == 0) return trial;
        OCTET_ASSIGN(engine::Session session, engine::Session::create(executable, {.threads = threads_}));
        std::vector<OutputFidelity> outputs;
        for (std::size_t i = 0; i < std::min(images_.size(), static_cast<std::size_t>(images)); ++i) {
            OCTET_ASSIGN(const auto actual, session.run({&images_[i], 1}));
            add_outputs(outputs, session.outputs(), expected_[i], actual);
        }
        for (const OutputFidelity& output : outputs) {
            if (output.name.empty()) continue;
            trial.worst_db = std::min(trial.worst_db, decibels(output));
            trial.noise += std::pow(10, -decibels(output) / 10);
        }
        return trial;
    }

  private:
    const quant::QuantModel& model_;
    const quant::Calibration& calibration_;
    const quant::QuantizeOptions& options_;
    int threads_;
    std::vector<Tensor> images_;
    std::vector<std::vector<Tensor>> expected_;
};

struct Candidate {
    std::string node;
    double gain = 0;  // of Trial::noise
    double cost = 0;  // of work
};

// The nodes by whose name a group gets 16 bits, one a group.
std::vector<Candidate> candidates_of(const quant::QuantModel& model) {
    std::vector<Candidate> found;
    for (const quant::GridGroup& group : model.plan.groups) {
        if (group.kind != quant::GridKind::activation || !group.wide_obstacle.empty() || group.sources.empty())
            continue;
        const NodeId producer = model.graph.producer(group.sources.front());
        if (producer != no_node) found.push_back({model.graph.node(producer).name});
    }
    return found;
}

std::vector<std::string> names_of(const std::vector<Candidate>& candidates, const Candidate* but = nullptr) {
    std::vector<std::string> names;
    for (const Candidate& candidate : candidates) {
        if (&candidate != but) names.push_back(candidate.node);
    }
    return names;
}

}  // namespace

double work(const engine::Program& program) {
    constexpr double byte = 8;
    double sum = 0;
    for (const engine::Op& op : program.ops) {
        const auto* conv = std::get_if<engine::ConvOp>(&op.form);
        const bool wide = conv && conv->x.grid.dtype == DType::int16;
        sum += static_cast<double>(op.macs) * (wide ? 2 : 1);
        if (const engine::QuantId y = engine::written(op); y != engine::no_quant) {
            const engine::QuantValue& value = program.values[engine::index_of(y)];
            sum += byte * static_cast<double>(*element_count(value.shape)) *
                   static_cast<double>(dtype_size(value.grid.dtype));
        }
    }
    return sum;
}

Result<WidthSearch> search_widths(quant::QuantModel& model, const quant::Calibration& calibration,
                                  engine::Session& reference, const quant::Dataset& dataset, const WidthGoal& goal,
                                  quant::QuantizeOptions& options, int threads,
                                  const std::function<void(std::int64_t done, std::int64_t total)>& progress) {
    const quant::QuantModel narrow = model;
    const quant::QuantizeOptions given = options;
    Search search(narrow, calibration, given, threads);
    OCTET_TRY(search.prepare(reference, dataset, std::min(goal.images, dataset.size)));
    OCTET_ASSIGN(const Trial base, search.run({}, goal.images));
    WidthSearch result{base.worst_db, base.worst_db, 1, {}};
    if (base.worst_db >= goal.target_db) return result;

    std::vector<Candidate> candidates = candidates_of(narrow);
    const auto total = static_cast<std::int64_t>(2 * candidates.size());
    std::int64_t done = 0;
    // What has no kernel on its 16-bit grid would run in float here, if not on a chip.
    std::vector<Candidate> possible;
    for (Candidate& candidate : candidates) {
        if (progress) progress(++done, total);
        OCTET_ASSIGN(const Trial alone, search.run({candidate.node}, 0));
        if (alone.float_layers > base.float_layers && !given.chip_int16) continue;
        candidate.cost = alone.work - base.work;
        possible.push_back(std::move(candidate));
    }
    // Ordering them takes fewer pictures than judging the outcome.
    const std::int64_t some = (goal.images + 1) / 2;
    OCTET_ASSIGN(const Trial all, search.run(names_of(possible), some));
    for (Candidate& candidate : possible) {
        if (progress) progress(++done, total);
        OCTET_ASSIGN(const Trial without, search.run(names_of(possible, &candidate), some));
        candidate.gain = without.noise - all.noise;
    }
    std::stable_sort(possible.begin(), possible.end(), [](const Candidate& a, const Candidate& b) {
        return a.gain * std::max(b.cost, 1.0) > b.gain * std::max(a.cost, 1.0);
    });
    std::vector<std::string> affordable;
    double cost = 0;
    for (const Candidate& candidate : possible) {
        if (candidate.gain <= 0 || base.work + cost + candidate.cost > base.work * goal.max_slowdown) continue;
        cost += candidate.cost;
        affordable.push_back(candidate.node);
    }
    // The fewest of them that come to the target: more of them lose less.
    std::size_t enough = affordable.size(), too_few = 0;
    std::optional<Trial> chosen;
    for (std::size_t count = enough; count > too_few; count = (too_few + enough + 1) / 2) {
        const std::vector<std::string> nodes(affordable.begin(),
                                             affordable.begin() + static_cast<std::ptrdiff_t>(count));
        OCTET_ASSIGN(const Trial trial, search.run(nodes, goal.images));
        const bool reached = trial.worst_db >= goal.target_db;
        if (reached || count == affordable.size()) {
            result.widened = nodes;
            chosen = trial;
        }
        if (!reached && count == affordable.size()) break;
        (reached ? enough : too_few) = count;
        if (enough - too_few <= 1) break;
    }
    if (chosen) {
        result.after_db = chosen->worst_db;
        result.slowdown = chosen->work / base.work;
    }
    options.keep_int16.insert(result.widened.begin(), result.widened.end());
    OCTET_TRY(quant::plan_again(model, calibration, options));
    if (progress) progress(total, total);
    return result;
}

}  // namespace octet::quantizer
