#pragma once

// What a comparison says, for programs and people.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "compare/comparison.h"
#include "compare/profile_search.h"

namespace octet::compare {

// {"identical", "verdict", "diverging": [{"name", "onnx", "op", "rule", "elements", "differing_free",
//  "differing_forced", "largest_free", "largest_forced", "sqnr_free_db", "sqnr_forced_db", "cosine_free",
//  "cosine_forced", "causes": [{"id", "text"}], "decided_by", "first"}], "profile_change": null or
//  [{"key", "from", "to", "explains"}], "compared", "missing", "notes"}
nlohmann::ordered_json to_json(const Comparison& comparison, const std::optional<ProfileSearch>& search);

// One sentence.
std::string verdict(const Comparison& comparison, const std::optional<ProfileSearch>& search);
// "3 values; double-up, m16 and fp32 explain them; to decide, run vector X"
std::string explanation(const Layer& layer);
// "[0, 3, 1, 7]: 12 in the dump, 13 computed; accumulator …"
std::string words(const Element& element);
// "double-up, m16 and fp32"
std::string listed(const std::vector<std::string>& names);

}  // namespace octet::compare
