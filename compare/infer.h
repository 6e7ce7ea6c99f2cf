#pragma once

// Which profile that octet comes with, with which changes, explains dumps.

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "compare/profile_search.h"

namespace octet::compare {

struct Inference {
    std::string base;
    ProfileSearch search;
    std::size_t compared = 0;
    std::vector<std::string> equally_good;                     // other profiles, with as many changes
    std::vector<std::pair<std::string, std::string>> refused;  // profiles that cannot run the network, and why
};

// `compare` sets the dumps beside a profile, without explanations. Fails where no profile runs the networks.
Result<Inference> infer_profile(
    const std::function<Result<std::vector<Observation>>(const engine::npu_emu::Profile&)>& compare);

std::string words(const Inference& inference);
nlohmann::ordered_json to_json(const Inference& inference);

}  // namespace octet::compare
