#pragma once

// What ScatterND and ScatterElements do where the output holds an element already.

#include <algorithm>
#include <string>

#include "graph/ir/arithmetic.h"
#include "graph/ops/check.h"

namespace octet::ops {

enum class Reduction { none, add, mul, min, max };

inline Result<Reduction> reduction_of(const Node& node) {
    const std::string name = node.attributes.text("reduction", "none");
    if (name == "none") return Reduction::none;
    if (name == "add") return Reduction::add;
    if (name == "mul") return Reduction::mul;
    if (name == "min") return Reduction::min;
    if (name == "max") return Reduction::max;
    return fail(ErrorCode::invalid_model, "attribute reduction is '{}'", name);
}

template <typename T>
T combine(Reduction reduction, T present, T update) {
    switch (reduction) {
        case Reduction::add:
            return static_cast<T>(static_cast<Wrapping<T>>(present) + static_cast<Wrapping<T>>(update));
        case Reduction::mul:
            return static_cast<T>(static_cast<Wrapping<T>>(present) * static_cast<Wrapping<T>>(update));
        case Reduction::min:
            return std::min(present, update);
        case Reduction::max:
            return std::max(present, update);
        case Reduction::none:
            break;
    }
    return update;
}

}  // namespace octet::ops
