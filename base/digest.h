#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace octet {

// 64-bit FNV-1a in hexadecimal: for telling apart what differs by accident.
std::string digest(std::span<const std::uint8_t> bytes);
std::string digest(const std::vector<std::string>& names);

}  // namespace octet
