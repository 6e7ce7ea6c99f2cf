#include "compare/side.h"

#include <algorithm>
#include <array>
#include <utility>

#include "compare/difference.h"
#include "compare/names.h"
#include "graph/quant/grid.h"

namespace octet::compare {
namespace {

std::int64_t elements_of(const Shape& shape) {
    return element_count(shape).value_or(0);
}

// Blocks of channels may be filled up.
std::int64_t most_stored(const Shape& nchw) {
    constexpr std::int64_t widest_block = 64;
    return nchw.size() == 4 ? nchw[0] * (nchw[1] + widest_block) * nchw[2] * nchw[3] : elements_of(nchw);
}

// The layout that most arrays of a dump have, of those whose shapes tell.
std::optional<Layout> usual_layout(const Emulation& emulation, const Dump& dump, const Matches& matches) {
    std::array<int, 4> votes{};
    for (const auto& [slot, entries] : matches.entries) {
        const Shape& nchw = emulation.shape(slot);
        if (nchw.size() != 4) continue;
        const Shape nhwc = {nchw[0], nchw[2], nchw[3], nchw[1]};
        for (const DumpEntry* entry : entries) {
            if (entry->layout) ++votes[static_cast<std::size_t>(*entry->layout)];
            std::optional<Shape> shape = entry->shape;
            if (!shape) {
                const auto stored = dump.load(*entry, most_stored(nchw));
                if (stored) shape = stored->shape();
            }
            if (!shape || entry->layout || nchw == nhwc) continue;
            if (*shape == nchw) ++votes[static_cast<std::size_t>(Layout::nchw)];
            if (*shape == nhwc) ++votes[static_cast<std::size_t>(Layout::nhwc)];
        }
    }
    const auto most = std::max_element(votes.begin(), votes.end());
    if (*most == 0) return std::nullopt;
    return static_cast<Layout>(most - votes.begin());
}

// One array as the network has it; `computed` decides where nothing else does.
Result<std::pair<Reading, Tensor>> read_entry(const Dump& dump, const DumpEntry& entry, const Grid* grid,
                                              const Shape& nchw, std::optional<Layout> usual, const Tensor* computed) {
    auto stored = dump.load(entry, most_stored(nchw));
    if (!stored) return at(entry.where, std::move(stored).error());
    OCTET_ASSIGN(const Declared declared, declared_reading(entry, *stored, grid, nchw, usual));
    std::optional<std::pair<Reading, Tensor>> best;
    if (declared.certain) {
        auto tensor = read_as(*stored, declared.reading, grid, nchw);
        if (!tensor) return at(entry.where, std::move(tensor).error());
        return std::pair(declared.reading, std::move(*tensor));
    }
    std::int64_t fewest = 0;
    const auto consider = [&](const Reading& reading) {
        auto tensor = read_as(*stored, reading, grid, nchw);
        if (!tensor) return;
        const std::int64_t differing =
            computed && computed->raw() ? count_differing(*tensor, *computed, computed->size()) : 0;
        if (best && differing >= fewest) return;
        fewest = differing;
        best = std::pair(reading, std::move(*tensor));
    };
    consider(declared.reading);
    for (Reading reading : possible_readings(*stored, grid, nchw)) {
        if (entry.layout && reading.layout != *entry.layout) continue;
        if (!reading.turned) consider(reading);
    }
    if (!best)
        return fail(ErrorCode::invalid_argument, "{}: {} values of {} cannot be the network's [{}] in any layout",
                    entry.where, stored->size(), dtype_name(stored->dtype()), fmt::join(nchw, ", "));
    return std::move(*best);
}

const engine::Port* port_called(const engine::Program& network, const DumpEntry& entry) {
    for (const engine::Port& port : network.inputs) {
        for (const std::string& name : {entry.onnx, entry.name}) {
            if (!name.empty() && plain_name(name) == plain_name(port.name)) return &port;
        }
    }
    return nullptr;
}

}  // namespace

std::vector<std::pair<Reading, Tensor>> Side::other_readings(const Slot& slot, const Emulation& emulation) const {
    std::vector<std::pair<Reading, Tensor>> others;
    const auto origin = origins.find(slot);
    if (!dump || origin == origins.end()) return others;
    const Shape& nchw = emulation.shape(slot);
    const auto stored = dump->load(*origin->second.entry, most_stored(nchw));
    if (!stored) return others;
    for (const Reading& reading : possible_readings(*stored, emulation.grid(slot), nchw)) {
        if (reading == origin->second.reading) continue;
        auto tensor = read_as(*stored, reading, emulation.grid(slot), nchw);
        if (tensor) others.emplace_back(reading, std::move(*tensor));
    }
    return others;
}

Result<Tensors> find_inputs(const Emulation& emulation, const Dump& dump, const std::map<std::string, Tensor>& inputs) {
    Tensors given;
    const engine::Program& network = emulation.program();
    for (const engine::Port& port : network.inputs) {
        if (const auto found = inputs.find(port.name); found != inputs.end())
            given[{.value = engine::no_quant, .tensor = port.value}] = found->second;
    }
    const Matches matches = match_names(emulation, dump.entries());
    const auto usual = usual_layout(emulation, dump, matches);
    // The port's own values, where the dump has them and not only their integers.
    for (const DumpEntry* entry : matches.unknown) {
        const engine::Port* port = port_called(network, *entry);
        if (!port || port->dtype != DType::float32) continue;
        const Slot slot = {.value = engine::no_quant, .tensor = port->value};
        if (given.contains(slot)) continue;
        OCTET_ASSIGN(auto read, read_entry(dump, *entry, nullptr, port->shape, usual, nullptr));
        given[slot] = std::move(read.second);
    }
    for (std::size_t i = 0; i < network.ops.size(); ++i) {
        const auto reads = emulation.read_by(i);
        const bool reads_port = std::any_of(reads.begin(), reads.end(), [&](const Slot& slot) {
            return std::any_of(network.inputs.begin(), network.inputs.end(), [&](const engine::Port& port) {
                return slot.tensor == port.value && !slot.quantized() && !given.contains(slot);
            });
        });
        if (!reads_port) continue;
        for (const Slot& slot : emulation.written_by(i)) {
            const auto found = matches.entries.find(slot);
            if (found == matches.entries.end()) continue;
            OCTET_ASSIGN(auto read, read_entry(dump, *found->second.front(), emulation.grid(slot),
                                               emulation.shape(slot), usual, nullptr));
            given[slot] = std::move(read.second);
        }
    }
    return given;
}

Result<Tensors> free_run(const Emulation& emulation, const Tensors& given, const Dump& dump) {
    Tensors computed;
    if (given.empty()) return computed;
    const Matches matches = match_names(emulation, dump.entries());
    OCTET_TRY(emulation.run(given, [&](std::size_t, const Slot& slot, Tensor& result) {
        if (matches.entries.contains(slot)) computed[slot] = result;
    }));
    return computed;
}

Result<Side> read_side(const Emulation& emulation, const std::shared_ptr<const Dump>& dump, const Tensors& computed) {
    Side side;
    side.name = dump->path();
    side.dump = dump;
    const Matches matches = match_names(emulation, dump->entries());
    if (matches.entries.empty()) {
        return fail(ErrorCode::invalid_argument,
                    "{}: none of its {} tensors is one of the network's, '{}' for one; a --map says which is which",
                    dump->path(), dump->entries().size(), dump->entries().front().name);
    }
    const auto usual = usual_layout(emulation, *dump, matches);
    for (const auto& [slot, entries] : matches.entries) {
        const auto found = computed.find(slot);
        const Tensor* by_profile = found == computed.end() ? nullptr : &found->second;
        for (const DumpEntry* entry : entries) {
            OCTET_ASSIGN(auto read,
                         read_entry(*dump, *entry, emulation.grid(slot), emulation.shape(slot), usual, by_profile));
            const auto known = side.tensors.find(slot);
            if (known == side.tensors.end()) {
                side.tensors[slot] = std::move(read.second);
                side.names[slot] = entry->name;
                side.origins[slot] = {entry, read.first};
            } else if (const auto apart = count_differing(known->second, read.second, read.second.size()); apart > 0) {
                side.notes.push_back(fmt::format("{} and {} are one tensor and differ in {} values; the first is taken",
                                                 side.origins[slot].entry->file, entry->file, apart));
            }
        }
    }
    std::vector<const DumpEntry*> unknown = matches.unknown;
    std::erase_if(unknown, [&](const DumpEntry* entry) { return port_called(emulation.program(), *entry) != nullptr; });
    if (!unknown.empty()) {
        std::vector<std::string> names;
        for (std::size_t i = 0; i < unknown.size() && i < 3; ++i) names.push_back(unknown[i]->name);
        side.notes.push_back(fmt::format(
            "{} tensor{} of {} {} none of the network's: {}{}", unknown.size(), unknown.size() == 1 ? "" : "s",
            dump->path(), unknown.size() == 1 ? "is" : "are", fmt::join(names, ", "), unknown.size() > 3 ? ", …" : ""));
    }
    return side;
}

Side recorded_side(const Emulation& emulation, const std::map<std::string, RecordedTensor>& tensors,
                   const std::string& name) {
    Side side;
    side.name = name;
    side.is_float = std::none_of(tensors.begin(), tensors.end(), [](const auto& one) { return one.second.quantized; });
    const engine::Program& network = emulation.program();
    for (std::size_t i = 0; i < network.ops.size(); ++i) {
        for (const Slot& slot : emulation.written_by(i)) {
            const auto found = tensors.find(emulation.name(slot));
            if (found == tensors.end() || found->second.values.shape() != emulation.shape(slot)) continue;
            const RecordedTensor& recorded = found->second;
            const Grid* grid = emulation.grid(slot);
            if (!grid) {
                if (recorded.quantized || recorded.values.dtype() != DType::float32) continue;
                side.tensors[slot] = recorded.values;
            } else if (recorded.quantized && recorded.grid == *grid) {
                side.tensors[slot] = recorded.values;
            } else {
                const Tensor real =
                    recorded.quantized ? quant::dequantize(recorded.values, recorded.grid) : recorded.values;
                if (real.dtype() != DType::float32) continue;
                side.tensors[slot] = quant::quantize(real, *grid);
            }
            side.names[slot] = emulation.name(slot);
        }
    }
    return side;
}

}  // namespace octet::compare
