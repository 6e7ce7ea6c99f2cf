#pragma once

// What every program that takes a network lets its user say of it.

#include <CLI/CLI.hpp>

#include "engine/compile.h"
#include "frontends/onnx/importer.h"

namespace octet::apps {

// The network, by position or by -m; both is a wrong command line, and so is neither: what is returned is required.
CLI::Option* add_model_option(CLI::App& app, std::string& model);

// --dim NAME=SIZE and --shape INPUT=1x3x320x320, which may be repeated: sizes for the dimensions that the file leaves
// open. Whether the model has these names is found when it is loaded.
void add_size_options(CLI::App& app, onnx::ImportOptions& sizes);

// --backend cpu | npu-emu, and --profile NAME|FILE for the second.
void add_backend_options(CLI::App& app, engine::CompileOptions& compile);

}  // namespace octet::apps
