#pragma once

// Reading protobuf messages out of files that nobody has checked.

#include <cstddef>
#include <span>
#include <string>

#include "base/result.h"

namespace google::protobuf {
class MessageLite;
}

namespace octet::onnx {

// `what` ("an ONNX model") stands in the error of bytes that are not that message. Errors of parse_file name the file.
Result<void> parse_bytes(std::span<const std::byte> bytes, google::protobuf::MessageLite& message,
                         const std::string& what);
Result<void> parse_file(const std::string& path, google::protobuf::MessageLite& message, const std::string& what);

}  // namespace octet::onnx
