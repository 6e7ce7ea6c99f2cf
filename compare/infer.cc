#include "compare/infer.h"

#include <algorithm>

namespace octet::compare {
namespace {

namespace npu = engine::npu_emu;
using Json = nlohmann::ordered_json;

std::int64_t own_differences(const Comparison& comparison) {
    std::int64_t differing = 0;
    for (const Layer& layer : comparison.layers) differing += layer.forced && !layer.form ? layer.forced->differing : 0;
    return differing;
}

std::size_t diverging_layers(const Comparison& comparison) {
    return comparison.diverging().size();
}

}  // namespace

Result<Inference> infer_profile(const std::function<Result<Candidate>(const npu::Profile&)>& compare) {
    Inference result;
    // Those with the fewest layers that diverge are searched; the others' changes can only be more.
    constexpr std::size_t searched = 3;
    std::vector<Candidate> candidates;
    std::optional<Error> first_error;
    for (std::string_view name : npu::arithmetic_names()) {
        OCTET_ASSIGN(const npu::Profile profile, npu::load_profile(std::string(name)));
        auto candidate = compare(profile);
        if (!candidate) {
            if (!first_error) first_error = candidate.error();
            if (candidate.error().code != ErrorCode::unsupported) first_error = candidate.error();
            result.refused.emplace_back(name,
                                        candidate.error().message.substr(0, candidate.error().message.find('\n')));
            continue;
        }
        candidates.push_back(std::move(*candidate));
        std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
            return std::pair(diverging_layers(*a.comparison), own_differences(*a.comparison)) <
                   std::pair(diverging_layers(*b.comparison), own_differences(*b.comparison));
        });
        if (candidates.size() > searched) candidates.pop_back();
    }
    if (candidates.empty()) return tl::unexpected<Error>(*first_error);
    std::optional<std::size_t> best;
    std::vector<ProfileSearch> searches;
    const auto rank = [&](std::size_t i) {
        return std::pair(searches[i].unexplained.size(), searches[i].changes.size());
    };
    for (const Candidate& candidate : candidates) {
        SearchLimits limits;
        limits.whole = true;
        if (best && searches[*best].explains_everything()) limits.most_changes = searches[*best].changes.size();
        searches.push_back(search_profile(*candidate.emulation, *candidate.side, *candidate.comparison, limits));
        const std::size_t i = searches.size() - 1;
        if (!best || rank(i) < rank(*best)) best = i;
    }
    const Candidate& winner = candidates[*best];
    result.base = winner.profile;
    result.search = searches[*best];
    if (!result.search.explains_everything()) {
        SearchLimits limits;
        limits.partly = limits.whole = true;
        result.search = search_profile(*winner.emulation, *winner.side, *winner.comparison, limits);
    }
    find_undecided(*winner.emulation, *winner.side, *winner.comparison, result.search);
    result.compared = winner.comparison->layers.size();
    for (std::size_t i : result.search.unexplained) result.layers.push_back(winner.comparison->layers[i].name);
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
    text +=
        fmt::format("explained: {} of {} layers\n", inference.compared - inference.layers.size(), inference.compared);
    for (const std::string& layer : inference.layers) text += fmt::format("    unexplained: {}\n", layer);
    for (const Undecided& undecided : inference.search.undecided)
        text += fmt::format("undecided by these data: {}: {}\n", undecided.key, fmt::join(undecided.values, ", "));
    for (const std::string& other : inference.equally_good) text += fmt::format("as good: profile {}\n", other);
    return text;
}

Json to_json(const Inference& inference) {
    Json json = {{"profile", inference.base},
                 {"explains_everything", inference.search.explains_everything()},
                 {"compared", inference.compared},
                 {"changes", Json::array()},
                 {"unexplained", inference.layers},
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
        json["undecided"].push_back({{"key", undecided.key}, {"values", std::move(values)}});
    }
    for (const auto& [profile, why] : inference.refused)
        json["refused"].push_back({{"profile", profile}, {"why", why}});
    return json;
}

}  // namespace octet::compare
