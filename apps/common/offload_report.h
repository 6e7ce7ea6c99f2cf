#pragma once

// What an NPU takes of a network, for people and as JSON.

#include <nlohmann/json.hpp>
#include <string>

#include "engine/npu_emu/offload.h"

namespace octet::apps {

// Tables of nodes, partitions and borders, the refused nodes with their reasons, and the sentence. `summary_only`: no line
// for each node that is taken.
std::string offload_text(const engine::npu_emu::Offload& offload, const std::string& profile, bool summary_only);
// The totals in one sentence.
std::string offload_sentence(const engine::npu_emu::Offload& offload, const std::string& profile);
nlohmann::ordered_json offload_json(const engine::npu_emu::Offload& offload);

}  // namespace octet::apps
