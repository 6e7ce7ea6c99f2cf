#pragma once

// ONNX file → graph IR. Opset 7 to 25; the result has the semantics of opset 21 whatever the file's opset.

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "graph/ir/graph.h"

namespace octet::onnx {

struct ImportOptions {
    // Sizes for the dimensions that the file leaves open: by the dimension's name ("height" → 320), or the whole shape
    // of an input ("images" → 1x3x320x320), which is the only way for dimensions without a name. Names that the model
    // does not have and sizes that contradict each other or the file are errors.
    std::map<std::string, std::int64_t> dimensions;
    std::map<std::string, Shape> input_shapes;
    // An open first dimension without a size is 1; any other is an error that says how to give it one.
};

// The graph verified and with shapes inferred. Errors name the file and, where there is one, the node. Initializers may
// lie in external data files beside the model, never outside of its folder.
Result<Graph> load(const std::string& path, const ImportOptions& options = {});

// The same from memory; `name` stands in errors, and external data is looked for in `folder` (empty: refused).
Result<Graph> parse(std::span<const std::byte> bytes, const std::string& name, const std::string& folder,
                    const ImportOptions& options = {});

// The files that load() reads: `path`, and the external data that it names. Of what is no model, `path` alone.
std::vector<std::string> model_files(const std::string& path);

}  // namespace octet::onnx
