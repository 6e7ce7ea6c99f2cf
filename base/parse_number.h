#pragma once

#include <charconv>
#include <optional>
#include <string_view>

namespace octet {

// The number that all of the text is, in decimal and whatever the locale; nothing where it is none or does not fit.
template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

}  // namespace octet
