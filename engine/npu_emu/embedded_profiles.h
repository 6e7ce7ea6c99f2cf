#pragma once

// The files of profiles/, which CMake puts into the library.

#include <span>
#include <string_view>

namespace octet::engine::npu_emu {

struct EmbeddedProfile {
    std::string_view name, json;
};
std::span<const EmbeddedProfile> embedded_profiles();

}  // namespace octet::engine::npu_emu
