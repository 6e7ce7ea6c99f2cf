#pragma once

#include <cstdio>
#include <memory>

namespace octet::onnx {

struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
};
using FileHandle = std::unique_ptr<std::FILE, CloseFile>;

}  // namespace octet::onnx
