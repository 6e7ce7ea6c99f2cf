#include "base/digest.h"

#include <fmt/format.h>

namespace octet {
namespace {

constexpr std::uint64_t fnv_offset = 0xcbf29ce484222325, fnv_prime = 0x100000001b3;

std::uint64_t fnv1a(std::uint64_t hash, std::span<const std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * fnv_prime;
    return hash;
}

}  // namespace

std::string digest(std::span<const std::uint8_t> bytes) {
    return fmt::format("{:016x}", fnv1a(fnv_offset, bytes));
}

std::string digest(const std::vector<std::string>& names) {
    std::uint64_t hash = fnv_offset;
    for (const std::string& name : names)  // with the terminating zero, so that the names' borders count
        hash = fnv1a(hash, {reinterpret_cast<const std::uint8_t*>(name.c_str()), name.size() + 1});
    return fmt::format("{:016x}", hash);
}

}  // namespace octet
