#pragma once

#include <map>
#include <string>

#include "frontends/onnx/importer.h"

namespace octet::onnx_schema {
class GraphProto;
}

namespace octet::onnx {

// The shape of every input that is a tensor and no initializer, by the input's name: what the file says, completed by
// `options`. The error for dimensions that stay open says what to add.
Result<std::map<std::string, Shape>> input_shapes(const onnx_schema::GraphProto& graph, const ImportOptions& options);

}  // namespace octet::onnx
