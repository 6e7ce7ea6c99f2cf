#include "engine/plan.h"

namespace octet::engine {

std::vector<std::string> Plan::float_steps() const {
    std::vector<std::string> names;
    for (const auto& step : steps) {
        if (step->arithmetic() == Arithmetic::floating) names.push_back(step->name());
    }
    return names;
}

}  // namespace octet::engine
