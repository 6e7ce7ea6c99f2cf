#pragma once

// Which change of a profile explains whole dumps: the fewest keys with which every layer, teacher-forced, has the
// dumps' values.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compare/comparison.h"

namespace octet::compare {

// A dump beside its network in the arithmetic of a profile.
struct Observation {
    std::shared_ptr<const Emulation> emulation;
    std::shared_ptr<const Side> side;
    std::shared_ptr<const Comparison> comparison;
};

// A key of the profile's file ("rules.conv") and its value as JSON text.
struct ProfileChange {
    std::string key, from, to;
    std::int64_t explains = 0;  // layers that diverge without it
};

// What the dumps cannot tell: every value with which all layers are as before.
struct Undecided {
    std::string key;
    std::vector<std::string> values;      // JSON texts, the profile's own first
    std::vector<std::string> decided_by;  // vectors of octet-vectors
};

struct ProfileSearch {
    std::vector<ProfileChange> changes;
    engine::npu_emu::Profile profile;      // with them
    std::vector<std::string> unexplained;  // layers, in the dumps' and the network's order
    std::vector<Undecided> undecided;

    bool explains_everything() const { return unexplained.empty(); }
};

struct SearchLimits {
    std::size_t most_changes = 100;  // larger ones are not looked for
    bool whole = false;              // a machine of its own, whatever the number of layers that diverge
    bool partly = false;             // where nothing explains everything, what explains most
};
// All observations are of one profile.
ProfileSearch search_profile(const std::vector<Observation>& observations, const SearchLimits& limits = {});
// Fills in `undecided`.
void find_undecided(const std::vector<Observation>& observations, ProfileSearch& search);

// A profile file: `base`, a name or a file, with the changes.
Result<std::string> changed_profile(const std::string& base, const std::vector<ProfileChange>& changes,
                                    const std::string& name);

}  // namespace octet::compare
