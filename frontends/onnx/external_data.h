#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace octet::onnx_schema {
class TensorProto;
}

namespace octet::onnx {

// The bytes that the external_data entries of a tensor point to; there must be exactly `needed` of them. The location
// is a relative path that stays in `folder` after symbolic links are followed.
Result<std::string> read_external_data(const onnx_schema::TensorProto& proto, const std::string& folder,
                                       std::uint64_t needed);

}  // namespace octet::onnx
