#pragma once

// A comparison as one page of HTML, in the look of octet-quantize's report.

#include <optional>
#include <string>

#include "compare/comparison.h"
#include "compare/profile_search.h"

namespace octet::compare {

// The layers' curve, each layer's numbers, and what explains those that diverge.
std::string comparison_page(const std::string& model, const std::string& other, const std::string& profile,
                            const Comparison& comparison, const std::optional<ProfileSearch>& search);

}  // namespace octet::compare
