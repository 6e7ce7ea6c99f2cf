#include "compare/output.h"

#include <algorithm>

namespace octet::compare {
namespace {

using Json = nlohmann::ordered_json;

Json steps_of(const Layer& layer, double largest) {
    // Integers are a whole number of steps apart.
    return layer.slot.quantized() ? Json(static_cast<std::int64_t>(largest)) : Json(largest);
}

void put_difference(Json& json, const Layer& layer, const char* suffix, const std::optional<Difference>& difference) {
    const auto key = [&](const char* name, const char* unit = "") {
        return fmt::format("{}_{}{}", name, suffix, unit);
    };
    json[key("differing")] = difference ? Json(difference->differing) : Json();
    json[key("largest")] = difference ? steps_of(layer, difference->largest) : Json();
    json[key("sqnr", "_db")] = difference ? Json(difference->fidelity.sqnr_db()) : Json();
    json[key("cosine")] = difference ? Json(difference->fidelity.cosine()) : Json();
}

Json to_json(const Element& element) {
    Json json = {{"index", element.index}, {"dump", element.dumped}, {"computed", element.computed}};
    const auto put = [&](const char* key, const auto& value) { json[key] = value ? Json(*value) : Json(); };
    put("accumulator", element.accumulator);
    put("multiplier", element.multiplier);
    put("shift", element.shift);
    put("exact", element.exact);
    put("distance_to_tie", element.to_tie);
    json["operands"] = element.operands;
    return json;
}

std::string plural(std::int64_t count, std::string_view thing) {
    return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

}  // namespace

std::string listed(const std::vector<std::string>& names) {
    if (names.empty()) return "nothing";
    std::string text = names.front();
    for (std::size_t i = 1; i < names.size(); ++i) text += (i + 1 == names.size() ? " and " : ", ") + names[i];
    return text;
}

std::string words(const Element& element) {
    std::string text = fmt::format("[{}]: {} in the dump, {} computed", fmt::join(element.index, ", "), element.dumped,
                                   element.computed);
    if (element.accumulator) text += fmt::format("; accumulator {}", *element.accumulator);
    if (!element.operands.empty()) text += fmt::format("; of {}", fmt::join(element.operands, " and "));
    if (element.multiplier) text += fmt::format(", multiplier {}, shift {}", *element.multiplier, *element.shift);
    if (element.exact) text += fmt::format("; exactly {:.9g}, {:.3g} from a tie", *element.exact, *element.to_tie);
    return text;
}

std::string explanation(const Layer& layer) {
    if (!layer.forced) return "its inputs are not in the dump";
    if (layer.forced->differing == 0) return "only what comes in differs";
    std::string text = plural(layer.forced->differing, "value") + "; ";
    if (layer.causes.empty())
        return text + (layer.is_explained ? "no cause that is known explains them all" : "not explained");
    constexpr std::size_t shown = 6;
    std::vector<std::string> ids;
    for (const Cause& cause : layer.causes) {
        const std::string id = cause.where.empty() ? cause.id : fmt::format("{} at {}", cause.id, cause.where);
        if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
    }
    const std::size_t more = ids.size() > shown ? ids.size() - shown : 0;
    ids.resize(ids.size() - more);
    if (more > 0) ids.push_back(fmt::format("{} more", more));
    text += fmt::format("{} explain{} {}", listed(ids), ids.size() == 1 ? "s" : "",
                        layer.forced->differing == 1 ? "it" : "them");
    if (layer.decided_by) text += fmt::format("; to decide, run vector {}", *layer.decided_by);
    return text;
}

std::string verdict(const Comparison& comparison, const std::optional<ProfileSearch>& search) {
    const std::vector<std::size_t> diverging = comparison.diverging();
    if (comparison.identical())
        return fmt::format("All {} compared are identical.",
                           plural(static_cast<std::int64_t>(comparison.layers.size()), "tensor"));
    if (diverging.empty()) {
        const Layer& first = comparison.layers[comparison.ranking.front()];
        if (!first.forced)
            return fmt::format("'{}' differs, and what it is computed from is not in the dump.", first.name);
        return fmt::format("{} of {} tensors differ, and each follows from what it is given: the inputs differ.",
                           comparison.ranking.size(), comparison.layers.size());
    }
    const Layer& worst = comparison.layers[diverging.front()];
    if (search && search->explains_everything() && !search->changes.empty()) {
        std::vector<std::string> changes;
        for (const ProfileChange& change : search->changes)
            changes.push_back(fmt::format("{} = {}", change.key, change.to));
        return fmt::format("{} of {} layers diverge, and a profile with {} explains every value.", diverging.size(),
                           comparison.layers.size(), listed(changes));
    }
    std::string text =
        fmt::format("{} of {} layers diverge{}: '{}' ({}), {} of {} values by up to {:g}", diverging.size(),
                    comparison.layers.size(), diverging.size() > 1 ? ", first of all" : "", worst.name, worst.kind,
                    worst.forced->differing, worst.elements, worst.forced->largest);
    if (worst.causes.empty()) return text + (worst.is_explained ? "; no known cause explains them all." : ".");
    return text + fmt::format("; {}.", worst.causes.front().text);
}

Json to_json(const Comparison& comparison, const std::optional<ProfileSearch>& search) {
    Json diverging = Json::array();
    for (std::size_t i : comparison.ranking) {
        const Layer& layer = comparison.layers[i];
        Json one = {{"name", layer.name},
                    {"onnx", layer.onnx},
                    {"op", layer.kind},
                    {"rule", layer.rule},
                    {"elements", layer.elements}};
        put_difference(one, layer, "free", layer.free);
        put_difference(one, layer, "forced", layer.forced);
        one["causes"] = Json::array();
        for (const Cause& cause : layer.causes) {
            Json entry = {{"id", cause.id}, {"text", cause.text}};
            if (!cause.where.empty()) entry["node"] = cause.where;
            one["causes"].push_back(std::move(entry));
        }
        one["decided_by"] = layer.decided_by ? Json(*layer.decided_by) : Json();
        one["first"] = layer.first ? to_json(*layer.first) : Json();
        diverging.push_back(std::move(one));
    }
    Json json = {{"identical", comparison.identical()},  {"verdict", verdict(comparison, search)},
                 {"compared", comparison.layers.size()}, {"missing", comparison.missing},
                 {"diverging", std::move(diverging)},    {"profile_change", nullptr}};
    if (search && search->explains_everything() && !search->changes.empty()) {
        Json changes = Json::array();
        for (const ProfileChange& change : search->changes)
            changes.push_back({{"key", change.key},
                               {"from", Json::parse(change.from)},
                               {"to", Json::parse(change.to)},
                               {"explains", change.explains}});
        json["profile_change"] = std::move(changes);
    }
    json["notes"] = comparison.notes;
    return json;
}

}  // namespace octet::compare
