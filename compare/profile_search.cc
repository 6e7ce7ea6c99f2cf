#include "compare/profile_search.h"

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "base/json_text.h"
#include "compare/proposals.h"
#include "compare/vectors.h"

namespace octet::compare {
namespace {

namespace npu = engine::npu_emu;
using Json = nlohmann::ordered_json;

// One key with another value.
struct Edit {
    std::string key, to;
    std::function<void(npu::Profile&)> apply;
};
// Several keys at once.
using Edits = std::vector<Edit>;

std::string text(const std::string& value) {
    return json_text(Json(value));
}

// The value of a key as JSON text.
std::string value_of(const npu::Profile& profile, const std::string& key) {
    if (key.starts_with("rules.")) {
        const auto rule = profile.rule(std::string_view(key).substr(6));
        return rule ? text(std::string(*rule)) : "null";
    }
    const npu::Accumulator& a = profile.accumulator;
    if (key == "accumulator.bits") return std::to_string(a.bits);
    if (key == "accumulator.overflow") return a.overflow == npu::Overflow::wrap ? "\"wrap\"" : "\"saturate\"";
    if (key == "accumulator.when") return a.each_addition ? "\"addition\"" : "\"end\"";
    if (key == "accumulator.order")
        return a.order == npu::AdditionOrder::kernel_channel ? "\"kernel-channel\"" : "\"channel-kernel\"";
    if (key == "accumulator.bias") return a.bias_first ? "\"first\"" : "\"last\"";
    if (key == "multiplier.bits") return std::to_string(profile.multiplier.bits);
    if (key == "multiplier.scale") return profile.multiplier.from_float32 ? "\"float32\"" : "\"double\"";
    if (key == "activations.range") return profile.symmetric_activations ? "\"symmetric\"" : "\"full\"";
    if (key == "activations.overflow") return profile.wraps_results ? "\"wrap\"" : "\"saturate\"";
    if (key == "padding.value")
        return profile.padding_value ? std::to_string(*profile.padding_value) : "\"zero-point\"";
    const auto constant = [](const std::optional<double>& value) { return value ? json_text(Json(*value)) : "null"; };
    if (key == "constants.leaky_alpha") return constant(profile.leaky_alpha);
    if (key == "constants.hardswish_sixth") return constant(profile.hardswish_sixth);
    return "null";
}

Edit rule_edit(const std::string& kind, std::string_view rule) {
    return {"rules." + kind, text(std::string(rule)), [kind, rule = std::string(rule)](npu::Profile& p) {
                p.rules[kind] = rule;
                // A constant that the rule has not.
                if (kind == "hardswish" && rule == "tfl-hs") p.hardswish_sixth.reset();
            }};
}

// Ways to set the accumulator, those of one key first.
std::vector<Edits> accumulator_edits(const npu::Profile& now) {
    std::vector<Edits> all;
    const auto edit = [](const char* key, const std::string& to, auto set) {
        return Edit{key, to, [set](npu::Profile& p) { set(p.accumulator); }};
    };
    for (int bits : {16, 18, 20, 24, 32}) {
        for (const bool saturates : {false, true}) {
            for (const bool each : {false, true}) {
                for (const bool channel_first : {true, false}) {
                    for (const bool bias_first : {true, false}) {
                        if ((each && !saturates) || (!channel_first && !each) || (!bias_first && !saturates)) continue;
                        const Edits keys = {
                            edit("accumulator.bits", std::to_string(bits), [=](auto& a) { a.bits = bits; }),
                            edit("accumulator.overflow", saturates ? "\"saturate\"" : "\"wrap\"",
                                 [=](auto& a) {
                                     a.overflow = saturates ? npu::Overflow::saturate : npu::Overflow::wrap;
                                 }),
                            edit("accumulator.when", each ? "\"addition\"" : "\"end\"",
                                 [=](auto& a) { a.each_addition = each; }),
                            edit("accumulator.order", channel_first ? "\"kernel-channel\"" : "\"channel-kernel\"",
                                 [=](auto& a) {
                                     a.order = channel_first ? npu::AdditionOrder::kernel_channel
                                                             : npu::AdditionOrder::channel_kernel;
                                 }),
                            edit("accumulator.bias", bias_first ? "\"first\"" : "\"last\"",
                                 [=](auto& a) { a.bias_first = bias_first; })};
                        Edits changes;
                        for (const Edit& key : keys) {
                            // What does not matter stays as it is.
                            const bool matters = key.key == "accumulator.bits" || key.key == "accumulator.overflow" ||
                                                 (key.key == "accumulator.when" && saturates) ||
                                                 (key.key == "accumulator.bias" && saturates) ||
                                                 (key.key == "accumulator.order" && each);
                            if (matters && key.to != value_of(now, key.key)) changes.push_back(key);
                        }
                        if (!changes.empty()) all.push_back(std::move(changes));
                    }
                }
            }
        }
    }
    std::stable_sort(all.begin(), all.end(), [](const Edits& a, const Edits& b) { return a.size() < b.size(); });
    return all;
}

// What an operator's kind alone follows: a list of alternatives for each of its keys.
std::vector<std::vector<Edits>> dimensions(const std::string& kind, const npu::Profile& now) {
    std::vector<std::vector<Edits>> all;
    std::vector<Edits> rules;
    for (const npu::RuleKind& info : npu::rule_kinds()) {
        if (info.operation != kind) continue;
        for (std::string_view rule : info.rules) {
            if (rule != rule_of(now, kind)) rules.push_back({rule_edit(kind, rule)});
        }
    }
    all.push_back(std::move(rules));
    const bool convolves = kind == "conv" || kind == "depthwise_conv" || kind == "fully_connected" || kind == "conv16";
    if (convolves) {
        all.push_back(accumulator_edits(now));
        std::vector<Edits> paddings;
        for (int value : {0, -128, 127, -127}) {
            if (now.padding_value == value) continue;
            paddings.push_back(
                {{"padding.value", std::to_string(value), [=](npu::Profile& p) { p.padding_value = value; }}});
        }
        if (now.padding_value)
            paddings.push_back({{"padding.value", "\"zero-point\"", [](npu::Profile& p) { p.padding_value.reset(); }}});
        all.push_back(std::move(paddings));
    }
    if (kind == "add" || kind == "sub") {
        std::vector<Edits> steps;
        for (const char* rule : {"double", "double-up", "single", "single-even", "ethos-symmetric", "ethos-truncate",
                                 "ethos-floor", "double-truncating"}) {
            if (rule != now.rule("add_steps").value_or("double")) steps.push_back({rule_edit("add_steps", rule)});
        }
        all.push_back(std::move(steps));
    }
    if (kind == "leaky_relu" || kind == "hardswish") {
        const bool leaky = kind == "leaky_relu";
        const std::string key = leaky ? "constants.leaky_alpha" : "constants.hardswish_sixth";
        std::vector<Edits> constants;
        std::set<double> known;
        const auto add = [&](const std::string& written, double value) {
            if (value >= 1 || value < 0 || !known.insert(value).second) return;
            Edits edits = {
                {key, written, [=](npu::Profile& p) { (leaky ? p.leaky_alpha : p.hardswish_sixth) = value; }}};
            if (!leaky && now.rule("hardswish") == "tfl-hs") edits.push_back(rule_edit("hardswish", "float-table"));
            constants.push_back(std::move(edits));
        };
        for (int bits = 3; bits <= 16; ++bits) {
            const double one = std::ldexp(1, bits);
            const double ideal = (leaky ? 0.1 : 1.0 / 6) * one;
            for (const double steps : {std::nearbyint(ideal), std::floor(ideal), std::ceil(ideal)})
                add(text(fmt::format("{}/{}", steps, one)), steps / one);
        }
        for (const double value : {0.01, 0.2, 0.25, 0.1, 0.125, 0.1666, 0.1667, 0.166, 0.167})
            add(json_text(Json(value)), value);
        all.push_back(std::move(constants));
    }
    return all;
}

// Of all operators at once.
std::vector<Edits> global_edits(const npu::Profile& now) {
    std::vector<Edits> bits, others;
    for (int width = 8; width <= 32; ++width) {
        if (width != now.multiplier.bits)
            bits.push_back(
                {{"multiplier.bits", std::to_string(width), [=](npu::Profile& p) { p.multiplier.bits = width; }}});
    }
    const bool in_float = !now.multiplier.from_float32, symmetric = !now.symmetric_activations,
               wraps = !now.wraps_results;
    others.push_back({{"multiplier.scale", in_float ? "\"float32\"" : "\"double\"",
                       [=](npu::Profile& p) { p.multiplier.from_float32 = in_float; }}});
    others.push_back({{"activations.range", symmetric ? "\"symmetric\"" : "\"full\"",
                       [=](npu::Profile& p) { p.symmetric_activations = symmetric; }}});
    others.push_back({{"activations.overflow", wraps ? "\"wrap\"" : "\"saturate\"",
                       [=](npu::Profile& p) { p.wraps_results = wraps; }}});
    std::vector<Edits> all = {{}};
    const auto append = [&](const Edits& a, const Edits& b) {
        Edits both = a;
        both.insert(both.end(), b.begin(), b.end());
        all.push_back(std::move(both));
    };
    for (const auto& one : others) all.push_back(one);
    for (const auto& one : bits) all.push_back(one);
    for (std::size_t i = 0; i < others.size(); ++i) {
        for (std::size_t j = i + 1; j < others.size(); ++j) append(others[i], others[j]);
        for (const auto& one : bits) append(others[i], one);
    }
    return all;
}

npu::Profile with(npu::Profile profile, const Edits& edits) {
    for (const Edit& edit : edits) edit.apply(profile);
    return profile;
}

class Searcher {
  public:
    Searcher(const std::vector<Observation>& observations, const SearchLimits& limits)
        : profile_(observations.front().emulation->profile()), limits_(limits) {
        for (const Observation& observation : observations) add(observation);
    }

    ProfileSearch run() {
        // What explains everything with the fewest keys; else, where asked for, what leaves the fewest layers.
        std::optional<Edits> best = as_known_profile();
        if (best && best->size() > limits_.most_changes) best.reset();
        for (const Edits& edits : global_edits(profile_)) {
            if (best && edits.size() >= best->size()) break;
            if (edits.size() > (few_diverge() || best ? 1 : 2)) break;
            auto found = solve(edits, best ? best->size() : limits_.most_changes + 1);
            if (found && (!best || found->size() < best->size())) best = std::move(found);
        }
        if (!best) best = limits_.partly ? solve_partly() : Edits();
        ProfileSearch result;
        result.profile = with(profile_, *best);
        for (const Place& place : places_) {
            if (!place.check->gives(result.profile)) result.unexplained.push_back(place.layer->name);
        }
        for (std::size_t e = 0; e < best->size(); ++e) {
            Edits others = *best;
            others.erase(others.begin() + static_cast<std::ptrdiff_t>(e));
            const npu::Profile without = with(profile_, others);
            std::int64_t explains = 0;
            for (std::size_t i : diverging_)
                explains += places_[i].check->gives(result.profile) && !places_[i].check->gives(without);
            const Edit& edit = (*best)[e];
            result.changes.push_back({edit.key, value_of(profile_, edit.key), edit.to, explains});
        }
        return result;
    }

    void undecided_of(ProfileSearch& result) {
        std::map<std::string, std::vector<Edits>> alternatives;
        std::map<std::string, std::vector<std::size_t>> concerned;
        for (const auto& [group, layers] : groups_) {
            for (const std::string& key : group.second) {
                for (const auto& dimension : dimensions(key, result.profile)) {
                    for (const Edits& edits : dimension) {
                        if (edits.size() != 1) continue;
                        auto& known = alternatives[edits[0].key];
                        const bool fresh = std::none_of(known.begin(), known.end(),
                                                        [&](const Edits& k) { return k[0].to == edits[0].to; });
                        if (fresh) known.push_back(edits);
                        auto& list = concerned[edits[0].key];
                        for (std::size_t i : layers) {
                            if (std::find(list.begin(), list.end(), i) == list.end()) list.push_back(i);
                        }
                    }
                }
            }
        }
        for (const Edits& edits : global_edits(result.profile)) {
            if (edits.size() != 1) continue;
            alternatives[edits[0].key].push_back(edits);
            auto& list = concerned[edits[0].key];
            if (list.empty()) {
                for (std::size_t i = 0; i < places_.size(); ++i) list.push_back(i);
            }
        }
        std::set<std::size_t> failing;
        for (std::size_t i = 0; i < places_.size(); ++i) {
            if (!places_[i].check->gives(result.profile)) failing.insert(i);
        }
        for (auto& [key, list] : alternatives) {
            Undecided undecided{key, {value_of(result.profile, key)}, {}};
            std::vector<std::size_t> layers;
            for (std::size_t i : concerned[key]) {
                if (!failing.contains(i)) layers.push_back(i);
            }
            for (const Edits& edits : list) {
                if (all_pass(layers, with(result.profile, edits))) undecided.values.push_back(edits[0].to);
            }
            if (undecided.values.size() < 2) continue;
            if (constexpr std::string_view rules = "rules."; key.starts_with(rules)) {
                std::vector<std::string> names;
                for (const std::string& value : undecided.values) {
                    if (const Json name = Json::parse(value); name.is_string()) names.push_back(name);
                }
                undecided.decided_by = deciding_vectors(key.substr(rules.size()), names);
            }
            result.undecided.push_back(std::move(undecided));
        }
    }

  private:
    using Group = std::pair<std::size_t, std::vector<std::string>>;

    // A layer of an observation.
    struct Place {
        const Layer* layer;
        std::unique_ptr<LayerCheck> check;
    };

    void add(const Observation& observation) {
        for (const Layer& layer : observation.comparison->layers) {
            if (!layer.forced || !layer.slot.quantized()) continue;
            const bool differs = layer.forced->differing > 0 && !layer.form;
            const Tensor& theirs = observation.side->tensors.at(layer.slot);
            std::set<std::string> keys;
            for (std::size_t op : layer.range.ops) add_keys(*observation.emulation, op, keys);
            // What has the most alternatives comes last: most wrong turns are seen before it.
            const std::size_t cost = (keys.contains("conv") ? 10 : 0) + keys.size();
            groups_[{cost, std::vector<std::string>(keys.begin(), keys.end())}].push_back(places_.size());
            if (differs) diverging_.push_back(places_.size());
            places_.push_back({&layer, std::make_unique<LayerCheck>(*observation.emulation, layer.range, layer.known,
                                                                    theirs, differs ? layer.computed : theirs)});
        }
    }

    // The rules that an operator follows, by whose key the profile has them.
    void add_keys(const Emulation& emulation, std::size_t op, std::set<std::string>& keys) const {
        std::string kind = emulation.kind(op);
        const bool listed = std::any_of(npu::rule_kinds().begin(), npu::rule_kinds().end(),
                                        [&](const npu::RuleKind& info) { return info.operation == kind; });
        if (!listed) return;
        if (!profile_.rules.contains(kind)) {
            if (kind == "depthwise_conv" || kind == "fully_connected") kind = "conv";
            if (kind == "sub") kind = "add";
        }
        keys.insert(kind);
        const engine::Op& one = emulation.program().ops[op];
        const engine::QuantId y = engine::written(one);
        const bool moves =
            kind == "concat" || kind == "max_pool" || kind == "average_pool" || kind == "resize" || kind == "move";
        if (!moves || y == engine::no_quant) return;
        for (const engine::Operand* x : engine::operands(one)) {
            if (x->grid != *emulation.grid({.value = y, .tensor = no_value})) keys.insert("requantize");
        }
    }

    bool few_diverge() const { return diverging_.size() < 3 && !limits_.whole; }

    // All layers of the list; the one that failed comes first the next time.
    bool all_pass(std::vector<std::size_t>& layers, const npu::Profile& profile) {
        for (const bool whole : {false, true}) {
            for (std::size_t k = 0; k < layers.size(); ++k) {
                const LayerCheck& check = *places_[layers[k]].check;
                if (whole ? check.gives(profile) : check.may_give(profile)) continue;
                std::rotate(layers.begin(), layers.begin() + static_cast<std::ptrdiff_t>(k),
                            layers.begin() + static_cast<std::ptrdiff_t>(k) + 1);
                return false;
            }
        }
        return true;
    }

    std::size_t count_failing(const std::vector<std::size_t>& layers, const npu::Profile& profile) {
        return static_cast<std::size_t>(std::count_if(
            layers.begin(), layers.end(), [&](std::size_t i) { return !places_[i].check->gives(profile); }));
    }

    // The change to a profile that octet comes with, where that explains everything: of as few keys as any other change,
    // it is the likelier one.
    std::optional<Edits> as_known_profile() {
        std::optional<Edits> best;
        std::set<std::string> kinds;
        std::vector<std::size_t> layers;
        for (const auto& [group, members] : groups_) {
            kinds.insert(group.second.begin(), group.second.end());
            layers.insert(layers.end(), members.begin(), members.end());
        }
        for (std::string_view name : npu::arithmetic_names()) {
            const auto known = npu::load_profile(std::string(name));
            if (!known) continue;
            Edits edits;
            const auto take = [&](const std::string& key, std::function<void(npu::Profile&)> apply) {
                const std::string to = value_of(*known, key);
                if (to != value_of(profile_, key)) edits.push_back({key, to, std::move(apply)});
            };
            for (const std::string& kind : kinds) {
                if (const auto rule = known->rule(kind)) take("rules." + kind, rule_edit(kind, *rule).apply);
            }
            take("multiplier.scale",
                 [f = known->multiplier.from_float32](npu::Profile& p) { p.multiplier.from_float32 = f; });
            take("accumulator.bits", [bits = known->accumulator.bits](npu::Profile& p) { p.accumulator.bits = bits; });
            take("accumulator.overflow",
                 [o = known->accumulator.overflow](npu::Profile& p) { p.accumulator.overflow = o; });
            take("constants.leaky_alpha", [v = known->leaky_alpha](npu::Profile& p) { p.leaky_alpha = v; });
            take("constants.hardswish_sixth", [v = known->hardswish_sixth](npu::Profile& p) { p.hardswish_sixth = v; });
            if (!all_pass(layers, with(profile_, edits))) continue;
            for (std::size_t k = edits.size(); k-- > 0;) {
                Edits fewer = edits;
                fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(k));
                if (all_pass(layers, with(profile_, fewer))) edits = std::move(fewer);
            }
            if (!best || edits.size() < best->size()) best = std::move(edits);
        }
        return best;
    }

    // The fewest keys, at most `most`, with which the layers of a group pass; nothing: there are none.
    std::optional<Edits> solve_group(const std::vector<std::string>& keys, std::vector<std::size_t>& layers,
                                     const npu::Profile& profile, std::size_t most) {
        if (all_pass(layers, profile)) return Edits();
        std::vector<std::vector<Edits>> dims;
        for (const std::string& key : keys) {
            for (auto& dimension : dimensions(key, profile)) dims.push_back(std::move(dimension));
        }
        // Sets of alternatives, at most one of each key; those of few keys first.
        std::vector<Edits> candidates = {{}};
        for (const auto& dimension : dims) {
            const std::size_t before = candidates.size();
            for (std::size_t k = 0; k < before; ++k) {
                for (const Edits& edits : dimension) {
                    if (candidates[k].size() + edits.size() > most) continue;
                    Edits both = candidates[k];
                    both.insert(both.end(), edits.begin(), edits.end());
                    candidates.push_back(std::move(both));
                }
            }
        }
        std::stable_sort(candidates.begin(), candidates.end(),
                         [](const Edits& a, const Edits& b) { return a.size() < b.size(); });
        for (const Edits& edits : candidates) {
            if (all_pass(layers, with(profile, edits))) return edits;
        }
        return std::nullopt;
    }

    // All groups behind edits of everything; nothing where it takes more keys than fewer than `bound`.
    std::optional<Edits> solve(const Edits& global, std::size_t bound) {
        // A fault of one layer is no other machine, and many keys at once explain whatever there is.
        const std::size_t most_of_a_group = few_diverge()        ? 2 - std::min<std::size_t>(2, global.size())
                                            : global.size() == 2 ? 1
                                                                 : 4 - global.size();
        Edits edits = global;
        npu::Profile profile = with(profile_, global);
        for (auto& [group, layers] : groups_) {
            if (edits.size() >= bound) return std::nullopt;
            const auto part =
                solve_group(group.second, layers, profile, std::min(bound - edits.size() - 1, most_of_a_group));
            if (!part) return std::nullopt;
            edits.insert(edits.end(), part->begin(), part->end());
            profile = with(profile, *part);
        }
        return edits.size() < bound ? std::optional(edits) : std::nullopt;
    }

    // Group by group; of one that nothing explains the key that leaves the fewest layers.
    Edits solve_partly() {
        Edits edits;
        npu::Profile profile = profile_;
        for (auto& [group, layers] : groups_) {
            Edits best;
            if (const auto part = solve_group(group.second, layers, profile, 2)) {
                best = *part;
            } else {
                std::size_t fewest = count_failing(layers, profile);
                for (const std::string& key : group.second) {
                    for (const auto& dimension : dimensions(key, profile)) {
                        for (const Edits& candidate : dimension) {
                            if (candidate.size() != 1) continue;
                            const std::size_t failing = count_failing(layers, with(profile, candidate));
                            if (failing < fewest) fewest = failing, best = candidate;
                        }
                    }
                }
            }
            edits.insert(edits.end(), best.begin(), best.end());
            profile = with(profile, best);
        }
        return edits;
    }

    const npu::Profile& profile_;
    SearchLimits limits_;
    std::vector<Place> places_;
    std::map<Group, std::vector<std::size_t>> groups_;  // single rules first, convolutions last
    std::vector<std::size_t> diverging_;
};

}  // namespace

ProfileSearch search_profile(const std::vector<Observation>& observations, const SearchLimits& limits) {
    return Searcher(observations, limits).run();
}

void find_undecided(const std::vector<Observation>& observations, ProfileSearch& search) {
    Searcher(observations, {}).undecided_of(search);
}

Result<std::string> changed_profile(const std::string& base, const std::vector<ProfileChange>& changes,
                                    const std::string& name) {
    constexpr std::size_t largest = std::size_t{1} << 20;
    Json json = {{"name", name}, {"extends", base}};
    if (!npu::profile_text(base)) {
        OCTET_ASSIGN(const auto bytes, read_file(base, largest));
        json = Json::parse(bytes.begin(), bytes.end(), nullptr, false);
        if (!json.is_object()) return fail(ErrorCode::invalid_argument, "{}: no profile", base);
        json["name"] = name;
    }
    for (const ProfileChange& change : changes) {
        const std::size_t dot = change.key.find('.');
        json[change.key.substr(0, dot)][change.key.substr(dot + 1)] = Json::parse(change.to);
    }
    std::string text = json_text(json, 2) + "\n";
    OCTET_TRY(npu::parse_profile(text, "the changed profile"));
    return text;
}

}  // namespace octet::compare
