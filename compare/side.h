#pragma once

// The other side of a comparison: tensors of the network as a dump, another profile, another backend or a float network
// has them.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compare/dump.h"
#include "compare/emulation.h"
#include "compare/reading.h"

namespace octet::compare {

struct Side {
    struct Origin {
        const DumpEntry* entry = nullptr;
        Reading reading;
    };
    std::string name;                  // for people
    std::shared_ptr<const Dump> dump;  // nullptr: a run
    Tensors tensors;
    std::map<Slot, std::string> names;  // as the dump or its manifest has them
    std::map<Slot, Origin> origins;     // of a dump
    std::vector<std::string> notes;
    // Computed in float32 and brought to the network's grids: what differs is what quantization loses, no rule's doing.
    bool is_float = false;

    // The dump's array in every other way that it could be meant.
    std::vector<std::pair<Reading, Tensor>> other_readings(const Slot& slot, const Emulation& emulation) const;
};

// What the network's input is given: the user's tensors for ports, or what the dump has of them. Fails where the dump's
// file is not what its manifest says.
Result<Tensors> find_inputs(const Emulation& emulation, const Dump& dump, const std::map<std::string, Tensor>& inputs);

// What the profile computes of the tensors that the dump has, from the network's input; nothing where that is not
// there.
Result<Tensors> free_run(const Emulation& emulation, const Tensors& given, const Dump& dump);

// `computed`: what the profile gives for each tensor, to tell readings apart that nothing else tells apart; may be
// empty. Errors name tensor and file.
Result<Side> read_side(const Emulation& emulation, const std::shared_ptr<const Dump>& dump, const Tensors& computed);

// Another run of the network as a side: tensors by the names that observers see, integers or real values.
struct RecordedTensor {
    Tensor values;
    bool quantized = false;
    Grid grid;
};
Side recorded_side(const Emulation& emulation, const std::map<std::string, RecordedTensor>& tensors,
                   const std::string& name);

}  // namespace octet::compare
