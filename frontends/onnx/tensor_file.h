#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "graph/ir/tensor.h"

namespace octet::onnx {

// A serialized TensorProto (the .pb files of the ONNX backend node tests).
Result<Tensor> load_tensor(const std::string& path);

}  // namespace octet::onnx
