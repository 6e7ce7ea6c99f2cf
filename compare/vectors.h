#pragma once

#include <optional>
#include <string>
#include <vector>

namespace octet::compare {

struct Cause;

// The vector of octet-vectors that tells every two of the causes apart that are rules; nothing where one rule is left,
// or no vector does.
std::optional<std::string> deciding_vector(const std::string& kind, const std::string& rule,
                                           const std::vector<Cause>& causes);

}  // namespace octet::compare
