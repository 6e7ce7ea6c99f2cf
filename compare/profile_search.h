#pragma once

// Which change of a profile explains a whole dump: the fewest keys with which every layer, teacher-forced, has the
// dump's values.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compare/comparison.h"

namespace octet::compare {

// A key of the profile's file ("rules.conv") and its value as JSON text.
struct ProfileChange {
    std::string key, from, to;
    std::int64_t explains = 0;  // layers that diverge without it
};

// What the dump cannot tell: every value with which all layers are as before.
struct Undecided {
    std::string key;
    std::vector<std::string> values;  // JSON texts, the profile's own first
};

struct ProfileSearch {
    std::vector<ProfileChange> changes;
    engine::npu_emu::Profile profile;      // with them
    std::vector<std::size_t> unexplained;  // of Comparison::layers
    std::vector<Undecided> undecided;

    bool explains_everything() const { return unexplained.empty(); }
};

struct SearchLimits {
    std::size_t most_changes = 100;  // larger ones are not looked for
    bool whole = false;              // a machine of its own, whatever the number of layers that diverge
    bool partly = false;             // where nothing explains everything, what explains most
};
ProfileSearch search_profile(const Emulation& emulation, const Side& side, const Comparison& comparison,
                             const SearchLimits& limits = {});
// Fills in `undecided`.
void find_undecided(const Emulation& emulation, const Side& side, const Comparison& comparison, ProfileSearch& search);

// A profile file: `base`, a name or a file, with the changes.
Result<std::string> changed_profile(const std::string& base, const std::vector<ProfileChange>& changes,
                                    const std::string& name);

}  // namespace octet::compare
