#pragma once

// What can be otherwise in a layer. A cause is a family: its id and its words have {} where a number, a rule or a
// tensor's name goes.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compare/emulation.h"

namespace octet::compare {

struct CauseInfo {
    std::string_view id, text;
    std::string_view operators;  // that it is tried on
};
// Simplest first, which is the order in which they are given for a layer.
std::span<const CauseInfo> list_causes();

// One member of a family, for one operator.
struct Hypothesis {
    std::size_t family = 0;  // of list_causes()
    std::string id, text;
    std::function<bool(Variant&)> change;  // false: there is nothing to change
};

// All that can be otherwise in an operator of the network.
std::vector<Hypothesis> hypotheses(const Emulation& emulation, std::size_t op);

}  // namespace octet::compare
