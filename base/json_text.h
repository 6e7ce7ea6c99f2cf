#pragma once

// JSON as the programs write and read it.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"

namespace octet {

// On one line when indent is below 0. Names of files and tensors need not be UTF-8, which JSON is: bytes of no
// character become U+FFFD.
template <typename Json>
std::string json_text(const Json& json, int indent = -1) {
    return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

// A number that counts something, from a file that need not be what it says. nlohmann itself turns every number into
// some integer.
template <typename Json>
Result<std::int64_t> count_from(const Json& number, std::int64_t most) {
    const bool fits = number.is_number_unsigned() && number.template get<std::uint64_t>() <= std::uint64_t(most);
    if (!fits) return fail(ErrorCode::invalid_argument, "{} is not an integer in 0 … {}", json_text(number), most);
    return number.template get<std::int64_t>();
}

}  // namespace octet
