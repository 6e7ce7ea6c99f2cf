#pragma once

#include <string>
#include <string_view>

namespace octet::quantizer {

// Appends RFC 4648's base64 of `bytes`, padded.
void append_base64(std::string& out, std::string_view bytes);

}  // namespace octet::quantizer
