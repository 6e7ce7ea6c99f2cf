#pragma once

// From a model file to something that runs.

#include <memory>
#include <string>

#include "engine/compile.h"
#include "frontends/onnx/importer.h"

namespace octet {

// Imports and compiles the network of an ONNX file. Errors name the file.
Result<std::shared_ptr<const engine::Executable>> load_executable(const std::string& path,
                                                                  const onnx::ImportOptions& import = {},
                                                                  const engine::CompileOptions& options = {});

}  // namespace octet
