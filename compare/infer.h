#pragma once

// Which profile that octet comes with, with which changes, explains a dump.

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "compare/profile_search.h"

namespace octet::compare {

// A dump under one profile.
struct Candidate {
    std::string profile;
    std::shared_ptr<const Emulation> emulation;
    std::shared_ptr<Side> side;
    std::shared_ptr<Comparison> comparison;
};

struct Inference {
    std::string base;
    ProfileSearch search;
    std::vector<std::string> layers;  // that stay unexplained
    std::size_t compared = 0;
    std::vector<std::string> equally_good;                     // other profiles, with as many changes
    std::vector<std::pair<std::string, std::string>> refused;  // profiles that cannot run the network, and why
};

// `compare` runs the dump under a profile, without explanations. Fails where no profile runs the network.
Result<Inference> infer_profile(const std::function<Result<Candidate>(const engine::npu_emu::Profile&)>& compare);

std::string words(const Inference& inference);
nlohmann::ordered_json to_json(const Inference& inference);

}  // namespace octet::compare
