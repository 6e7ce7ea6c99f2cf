#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "graph/ir/result.h"

namespace octet {

// The file appears under its name only when it is complete: it is written beside it and renamed. On
// an error, a full disk for one, nothing is left behind. Missing folders are made. Errors name the file.
// What is there already and no regular file, a device or a pipe, is written to instead.
Result<void> write_file(const std::string& path, std::span<const std::byte> bytes);

}  // namespace octet
