#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace octet {

// "; did you mean 'Conv'?" for the name that is nearest to `given`, by how many letters have to be inserted, removed,
// changed or swapped with their neighbour (capitals do not count); empty where none is near.
std::string did_you_mean(std::string_view given, const std::vector<std::string>& names);

}  // namespace octet
