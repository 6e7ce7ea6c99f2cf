#include "compare/names.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <optional>

namespace octet::compare {
namespace {

std::string without_ending(const std::string& name) {
    for (std::string_view ending :
         {"_QuantizeLinear_Output", "_output_0_QuantizeLinear_Output", "_quantized", "_output_0", "_q", "_quant"}) {
        if (name.size() > ending.size() && name.ends_with(ending))
            return without_ending(name.substr(0, name.size() - ending.size()));
    }
    return name;
}

// Nothing: several tensors are called so.
using Index = std::map<std::string, std::optional<Slot>>;

void add(Index& index, const std::string& name, const Slot& slot) {
    if (name.empty()) return;
    const auto [known, fresh] = index.emplace(name, slot);
    if (!fresh && known->second != slot) known->second.reset();
}

std::optional<Slot> find(const Index& index, const std::string& name) {
    const auto found = index.find(name);
    return found == index.end() ? std::nullopt : found->second;
}

}  // namespace

std::string plain_name(const std::string& name) {
    std::string plain;
    for (char c : name) {
        const bool kept = std::isalnum(static_cast<unsigned char>(c)) != 0;
        if (kept) {
            plain += c;
        } else if (!plain.empty() && plain.back() != '_') {
            plain += '_';
        }
    }
    while (plain.ends_with('_')) plain.pop_back();
    return plain;
}

Matches match_names(const Emulation& emulation, const std::vector<DumpEntry>& entries) {
    const engine::Program& network = emulation.program();
    std::array<Index, 3> exact, plain;
    const auto note = [&](std::size_t level, const std::string& name, const Slot& slot) {
        add(exact[level], name, slot);
        add(plain[level], plain_name(name), slot);
    };
    // Of a float tensor and its integers, which have one name, the integers.
    for (const bool quantized : {true, false}) {
        for (std::size_t i = 0; i < network.ops.size(); ++i) {
            for (const Slot& slot : emulation.written_by(i)) {
                if (slot.quantized() != quantized) continue;
                const std::string& name = emulation.name(slot);
                if (!quantized && find(exact[0], name)) continue;
                note(0, name, slot);
                note(1, without_ending(name), slot);
                if (quantized) {
                    const std::string& in_file = network.values[engine::index_of(slot.value)].quantized_name;
                    note(0, in_file, slot);
                    note(1, without_ending(in_file), slot);
                    note(2, network.ops[i].name, slot);
                    if (!network.ops[i].nodes.empty()) note(2, network.ops[i].nodes.back(), slot);
                }
            }
        }
    }
    // All that a name may mean, the likeliest first.
    const auto slots_called = [&](const std::string& name, std::vector<Slot>& slots) {
        if (name.empty()) return;
        const auto take = [&](const std::optional<Slot>& slot) {
            if (slot) slots.push_back(*slot);
        };
        for (std::size_t level = 0; level < exact.size(); ++level) {
            take(find(exact[level], name));
            take(find(exact[level], "/" + name));
            take(find(plain[level], plain_name(name)));
            if (level == 1) take(find(plain[level], plain_name(without_ending(name))));
        }
    };
    Matches matches;
    for (const DumpEntry& entry : entries) {
        std::vector<Slot> slots;
        slots_called(entry.onnx, slots);
        slots_called(entry.name, slots);
        // A pool's result before and behind its requantization have one name; their scales tell.
        const auto has_scale = [&](const Slot& slot) {
            const Grid* grid = emulation.grid(slot);
            return !entry.scale || !grid || std::abs(*entry.scale - grid->scale) <= 1e-6 * grid->scale;
        };
        const auto right = std::find_if(slots.begin(), slots.end(), has_scale);
        std::optional<Slot> slot;
        if (!slots.empty()) slot = right == slots.end() ? slots.front() : *right;
        if (slot) {
            matches.entries[*slot].push_back(&entry);
        } else {
            matches.unknown.push_back(&entry);
        }
    }
    return matches;
}

}  // namespace octet::compare
