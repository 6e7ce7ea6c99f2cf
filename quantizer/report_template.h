#pragma once

// Style and script of the report's page.

#include <string_view>

namespace octet::quantizer {

extern const std::string_view report_style;
// Holds neither < nor &, so that the page stays well-formed XML.
extern const std::string_view report_script;

}  // namespace octet::quantizer
