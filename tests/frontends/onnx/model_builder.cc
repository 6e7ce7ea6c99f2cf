#include "tests/frontends/onnx/model_builder.h"

#include <fstream>

namespace octet::onnx::testing {

void write_text(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
}

}  // namespace octet::onnx::testing
