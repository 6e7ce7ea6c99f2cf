#pragma once

#include <string>

namespace octet::onnx::testing {

// Copies the model file `from` to `to` with another shape of its first input: "Nx3x?x64", a name or a ? for what is
// open; "" for no shape at all.
void open_dimensions(const std::string& from, const std::string& shape, const std::string& to);

}  // namespace octet::onnx::testing
