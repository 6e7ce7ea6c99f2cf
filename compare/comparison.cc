#include "compare/comparison.h"

#include <algorithm>
#include <set>

#include "compare/causes.h"
#include "compare/vectors.h"

namespace octet::compare {
namespace {

// The operators between a tensor and those that the other side has, in order, and what they read of it.
void find_range(const Emulation& emulation, const Tensors& tensors, const Tensors& given,
                const std::map<Slot, std::size_t>& writers, Layer& layer) {
    std::set<std::size_t> ops;
    std::set<Slot> reads;
    std::vector<Slot> open = {layer.slot};
    layer.reachable = true;
    while (!open.empty()) {
        const Slot slot = open.back();
        open.pop_back();
        const auto writer = writers.find(slot);
        if (writer == writers.end()) {
            layer.reachable = false;
            return;
        }
        if (!ops.insert(writer->second).second) continue;
        for (const Slot& read : emulation.read_by(writer->second)) {
            const bool constant = !read.quantized() && emulation.program().constants.contains(read.tensor);
            if (constant) continue;
            if (const auto theirs = tensors.find(read); theirs != tensors.end()) {
                layer.known[read] = theirs->second;
            } else if (const auto mine = given.find(read); mine != given.end()) {
                layer.known[read] = mine->second;
            } else {
                open.push_back(read);
            }
        }
    }
    layer.range = {layer.slot, {ops.begin(), ops.end()}};
}

std::map<Slot, std::size_t> find_writers(const Emulation& emulation) {
    std::map<Slot, std::size_t> writers;
    for (std::size_t i = 0; i < emulation.program().ops.size(); ++i) {
        for (const Slot& slot : emulation.written_by(i)) writers[slot] = i;
    }
    return writers;
}

// Where the other side's tensor is right and only read wrongly.
void try_other_readings(const Emulation& emulation, Side& side, Layer& layer, const Tensor& computed) {
    const auto origin = side.origins.find(layer.slot);
    for (auto& [reading, tensor] : side.other_readings(layer.slot, emulation)) {
        if (count_differing(tensor, computed, 1) != 0) continue;
        const FormCause cause = form_cause(origin->second.reading, reading);
        layer.form = words(reading);
        layer.causes.push_back({cause.id, cause.text, {}});
        side.tensors[layer.slot] = std::move(tensor);
        origin->second.reading = reading;
        return;
    }
}

bool is_constant(const Tensor& tensor) {
    return tensor.size() > 0 && count_differing(tensor, tensor, 1) == 0 && dispatch(tensor.dtype(), [&]<typename T>() {
               const auto values = tensor.data<T>();
               return std::all_of(values.begin(), values.end(), [&](T v) { return v == values.front(); });
           });
}

}  // namespace

std::vector<std::size_t> Comparison::diverging() const {
    std::vector<std::size_t> indices;
    for (std::size_t i : ranking) {
        if (layers[i].forced && layers[i].forced->differing > 0) indices.push_back(i);
    }
    return indices;
}

std::vector<Cause> explain(const Emulation& emulation, const Layer& layer, const Tensor& expected) {
    const LayerCheck check(emulation, layer.range, layer.known, expected, layer.computed);
    struct Candidate {
        std::size_t family;
        std::string id, text, where;
        std::map<std::size_t, Variant> variants;
    };
    struct Proposed {
        std::size_t op;
        Hypothesis hypothesis;
    };
    std::vector<Proposed> all;
    for (std::size_t op : layer.range.ops) {
        for (Hypothesis& hypothesis : hypotheses(emulation, op)) all.push_back({op, std::move(hypothesis)});
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const Proposed& a, const Proposed& b) { return a.hypothesis.family < b.hypothesis.family; });
    const bool several = layer.range.ops.size() > 1;
    std::vector<Cause> causes;
    std::set<std::string> found;
    const auto try_variants = [&](const Proposed& one, const std::vector<std::size_t>& ops, const std::string& where) {
        std::map<std::size_t, Variant> variants;
        for (std::size_t op : ops) {
            for (const Proposed& proposed : all) {
                if (proposed.op != op || proposed.hypothesis.id != one.hypothesis.id || variants.contains(op)) continue;
                Variant variant = emulation.as_it_is(op);
                if (proposed.hypothesis.change(variant)) variants.emplace(op, std::move(variant));
            }
        }
        if (variants.empty() || (ops.size() > 1 && variants.size() < 2)) return false;
        if (!check.gives(variants)) return false;
        causes.push_back({one.hypothesis.id, one.hypothesis.text, where});
        return true;
    };
    std::set<std::string> joint;
    for (const Proposed& one : all) {
        if (several && joint.insert(one.hypothesis.id).second) {
            std::vector<std::size_t> ops;
            for (const Proposed& other : all) {
                const bool same = other.hypothesis.id == one.hypothesis.id;
                if (same && std::find(ops.begin(), ops.end(), other.op) == ops.end()) ops.push_back(other.op);
            }
            if (ops.size() > 1) try_variants(one, ops, "");
        }
        const bool last = one.op == layer.range.ops.back();
        const std::string where = several && !last ? emulation.program().ops[one.op].name : std::string();
        const std::string key = one.hypothesis.id + " " + where;
        if (found.contains(key)) continue;
        Variant variant = emulation.as_it_is(one.op);
        if (!one.hypothesis.change(variant)) continue;
        if (!check.gives({{one.op, std::move(variant)}})) continue;
        found.insert(key);
        causes.push_back({one.hypothesis.id, one.hypothesis.text, where});
    }
    // Where a rule explains all values, so do its multipliers that are wide enough, and say nothing more.
    std::set<std::pair<std::string, std::string>> present;
    for (const Cause& cause : causes) present.emplace(cause.id, cause.where);
    std::erase_if(causes, [&](const Cause& cause) {
        constexpr std::string_view prefix = "multiplier-";
        const std::size_t dash = cause.id.find('-', prefix.size());
        return cause.id.starts_with(prefix) && dash != std::string::npos &&
               present.contains({"rule-" + cause.id.substr(dash + 1), cause.where});
    });
    return causes;
}

Result<Comparison> compare_sides(const Emulation& emulation, Side& side, const Tensors& given,
                                 const ComparisonOptions& options) {
    Comparison comparison;
    std::map<Slot, Difference> free;
    if (options.reference) {
        for (const auto& [slot, tensor] : *options.reference) {
            const auto theirs = side.tensors.find(slot);
            if (theirs != side.tensors.end()) free[slot] = difference(tensor, theirs->second, emulation.grid(slot));
        }
    } else if (!given.empty()) {
        OCTET_TRY(emulation.run(given, [&](std::size_t, const Slot& slot, Tensor& result) {
            const auto theirs = side.tensors.find(slot);
            if (theirs == side.tensors.end() || !result.raw()) return;
            free[slot] = difference(result, theirs->second, emulation.grid(slot));
        }));
    }
    const auto writers = find_writers(emulation);
    Tensors forced_given = given;
    for (const auto& [slot, tensor] : side.tensors) {
        // What nothing computes is what the other side says.
        const auto writer = writers.find(slot);
        if (writer != writers.end()) {
            const auto reads = emulation.read_by(writer->second);
            if (!std::all_of(reads.begin(), reads.end(), [&](const Slot& read) {
                    return writers.contains(read) || given.contains(read) ||
                           emulation.program().constants.contains(read.tensor);
                })) {
                forced_given[slot] = tensor;
            }
        }
    }
    const auto run = emulation.run(forced_given, [&](std::size_t op, const Slot& slot, Tensor& result) {
        const auto theirs = side.tensors.find(slot);
        if (theirs == side.tensors.end()) {
            ++comparison.missing;
            return;
        }
        Layer layer;
        layer.slot = slot;
        layer.name = side.names[slot];
        layer.onnx = emulation.name(slot);
        layer.kind = emulation.kind(op);
        layer.rule = emulation.rule(op);
        layer.elements = theirs->second.size();
        if (const auto found = free.find(slot); found != free.end()) layer.free = found->second;
        find_range(emulation, side.tensors, given, writers, layer);
        if (layer.reachable && result.raw()) {
            layer.forced = difference(result, theirs->second, emulation.grid(slot));
            if (layer.forced->differing > 0) {
                layer.computed = result;
                if (!is_constant(result)) try_other_readings(emulation, side, layer, result);
            }
        }
        result = side.tensors[slot];
        comparison.layers.push_back(std::move(layer));
    });
    OCTET_TRY(run);
    for (std::size_t i = 0; i < comparison.layers.size(); ++i) {
        if (comparison.layers[i].differs()) comparison.ranking.push_back(i);
    }
    std::stable_sort(comparison.ranking.begin(), comparison.ranking.end(), [&](std::size_t a, std::size_t b) {
        const auto differing = [&](std::size_t i) {
            const auto& forced = comparison.layers[i].forced;
            return forced ? forced->differing : 0;
        };
        return differing(a) > differing(b);
    });
    const std::vector<std::size_t> diverging = comparison.diverging();
    const bool explains = options.explains && !side.is_float;
    if (options.explains && side.is_float)
        comparison.notes.emplace_back("the other side computes in float32: what differs is what quantization loses");
    std::size_t done = 0;
    std::map<std::string, std::optional<std::string>> deciding;  // of the same causes
    for (std::size_t i : diverging) {
        Layer& layer = comparison.layers[i];
        const Tensor& theirs = side.tensors.at(layer.slot);
        if (!layer.form)
            layer.first = look_at(emulation, layer.range, layer.known, theirs, layer.computed, layer.forced->first);
        if (explains && !layer.form && layer.slot.quantized() && done < options.most_explained) {
            layer.is_explained = true;
            layer.causes = explain(emulation, layer, theirs);
            std::string key = layer.kind;
            for (const Cause& cause : layer.causes) key += " " + cause.id + cause.where;
            const auto [decided, fresh] = deciding.emplace(key, std::nullopt);
            if (fresh) decided->second = deciding_vector(layer.kind, layer.causes);
            layer.decided_by = decided->second;
        }
        ++done;
    }
    if (explains && diverging.size() > options.most_explained) {
        comparison.notes.push_back(fmt::format("the first {} of {} layers that diverge are explained",
                                               options.most_explained, diverging.size()));
    }
    return comparison;
}

}  // namespace octet::compare
