#include "compare/infer.h"

#include <algorithm>
#include <set>

namespace octet::compare {
namespace {

namespace npu = engine::npu_emu;
using Json = nlohmann::ordered_json;

// The dumps under one profile.
struct Candidate {
    std::string profile;
    std::vector<Observation> observations;
    std::size_t diverging = 0;  // layers
    std::int64_t differing = 0;
};

Candidate candidate(std::string profile, std::vector<Observation> observations) {
    Candidate result{std::move(profile), std::move(observations)};
    for (const Observation& observation : result.observations) {
        result.diverging += observation.comparison->diverging().size();
        for (const Layer& layer : observation.comparison->layers)
            result.differing += layer.forced && !layer.form ? layer.forced->differing : 0;
    }
    return result;
}

// Keys of one subject are one change, but for rules, each a subject of its own.
std::size_t changed_subjects(const ProfileSearch& search) {
    std::set<std::string> subjects;
    for (const ProfileChange& change : search.changes)
        subjects.insert(change.key.starts_with("rules.") ? change.key : change.key.substr(0, change.key.find('.')));
    return subjects.size();
}

// How many profiles a profile extends, one behind the other.
std::size_t depth(const std::string& profile) {
    const auto text = npu::profile_text(profile);
    const auto json = text ? Json::parse(*text, nullptr, false) : Json();
    return json.contains("extends") ? 1 + depth(json["extends"].get<std::string>()) : 0;
}

}  // namespace

Result<Inference> infer_profile(const std::function<Result<std::vector<Observation>>(const npu::Profile&)>& compare) {
    Inference result;
    std::vector<Candidate> candidates;
    std::optional<Error> first_error;
    for (std::string_view name : npu::arithmetic_names()) {
        OCTET_ASSIGN(const npu::Profile profile, npu::load_profile(std::string(name)));
        auto observations = compare(profile);
        if (!observations) {
            const Error& error = observations.error();
            if (!first_error || error.code != ErrorCode::unsupported) first_error = error;
            result.refused.emplace_back(name, error.message.substr(0, error.message.find('\n')));
            continue;
        }
        candidates.push_back(candidate(std::string(name), std::move(*observations)));
    }
    if (candidates.empty()) return tl::unexpected<Error>(*first_error);
    // Where few layers diverge, few changes are soon found, and what needs more is not looked for.
    std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
        return std::pair(a.diverging, a.differing) < std::pair(b.diverging, b.differing);
    });
    std::optional<std::size_t> best;
    std::vector<ProfileSearch> searches;
    const auto rank = [&](std::size_t i) {
        return std::pair(searches[i].unexplained.size(), changed_subjects(searches[i]));
    };
    // Of equally good ones the profile that others extend.
    const auto is_better = [&](std::size_t a, std::size_t b) {
        return std::pair(rank(a), depth(candidates[a].profile)) < std::pair(rank(b), depth(candidates[b].profile));
    };
    for (const Candidate& candidate : candidates) {
        SearchLimits limits;
        limits.whole = true;
        if (best && searches[*best].explains_everything()) limits.most_changes = searches[*best].changes.size() + 1;
        searches.push_back(search_profile(candidate.observations, limits));
        const std::size_t i = searches.size() - 1;
        if (!best || is_better(i, *best)) best = i;
    }
    const Candidate& winner = candidates[*best];
    result.base = winner.profile;
    result.search = searches[*best];
    if (!result.search.explains_everything()) {
        SearchLimits limits;
        limits.partly = limits.whole = true;
        result.search = search_profile(winner.observations, limits);
    }
    find_undecided(winner.observations, result.search);
    for (const Observation& observation : winner.observations) result.compared += observation.comparison->layers.size();
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        if (i != *best && rank(i) == rank(*best)) result.equally_good.push_back(candidates[i].profile);
    }
    return result;
}

std::string words(const Inference& inference) {
    std::string text = fmt::format("profile: {}", inference.base);
    if (inference.search.changes.empty()) text += ", as it is";
    text += "\n";
    for (const ProfileChange& change : inference.search.changes)
        text += fmt::format("    {}: {} instead of {}, explains {} layers\n", change.key, change.to, change.from,
                            change.explains);
    text += fmt::format("explained: {} of {} layers\n", inference.compared - inference.search.unexplained.size(),
                        inference.compared);
    for (const std::string& layer : inference.search.unexplained) text += fmt::format("    unexplained: {}\n", layer);
    for (const Undecided& undecided : inference.search.undecided) {
        text += fmt::format("undecided by these data: {}: {}\n", undecided.key, fmt::join(undecided.values, ", "));
        if (!undecided.decided_by.empty())
            text += fmt::format("    to decide, run {}\n", fmt::join(undecided.decided_by, ", "));
    }
    for (const std::string& other : inference.equally_good) text += fmt::format("as good: profile {}\n", other);
    return text;
}

Json to_json(const Inference& inference) {
    Json json = {{"profile", inference.base},
                 {"explains_everything", inference.search.explains_everything()},
                 {"compared", inference.compared},
                 {"changes", Json::array()},
                 {"unexplained", inference.search.unexplained},
                 {"undecided", Json::array()},
                 {"equally_good", inference.equally_good},
                 {"refused", Json::array()}};
    for (const ProfileChange& change : inference.search.changes)
        json["changes"].push_back({{"key", change.key},
                                   {"from", Json::parse(change.from)},
                                   {"to", Json::parse(change.to)},
                                   {"explains", change.explains}});
    for (const Undecided& undecided : inference.search.undecided) {
        Json values = Json::array();
        for (const std::string& value : undecided.values) values.push_back(Json::parse(value));
        json["undecided"].push_back(
            {{"key", undecided.key}, {"values", std::move(values)}, {"decided_by", undecided.decided_by}});
    }
    for (const auto& [profile, why] : inference.refused)
        json["refused"].push_back({{"profile", profile}, {"why", why}});
    return json;
}

}  // namespace octet::compare
