#pragma once

// Which tensor of the network an entry of a dump is. Names are tried as they are, then without what exporters put
// behind them ("_output_0", "_QuantizeLinear_Output"), then those of nodes; each exactly, then with "/" as "_" or "__"
// and whatever else a file name cannot hold.

#include <map>
#include <string>
#include <vector>

#include "compare/dump.h"
#include "compare/emulation.h"

namespace octet::compare {

struct Matches {
    std::map<Slot, std::vector<const DumpEntry*>> entries;  // several files may hold one tensor
    std::vector<const DumpEntry*> unknown;                  // of no tensor of the network
};

Matches match_names(const Emulation& emulation, const std::vector<DumpEntry>& entries);

// "/c1/m.0/Add" → "c1_m_0_Add"
std::string plain_name(const std::string& name);

}  // namespace octet::compare
