#include "frontends/load.h"

#include <utility>

namespace octet {

Result<std::shared_ptr<const engine::Executable>> load_executable(const std::string& path,
                                                                  const onnx::ImportOptions& import,
                                                                  const engine::CompileOptions& options) {
    OCTET_ASSIGN(Graph graph, onnx::load(path, import));
    auto executable = engine::compile(std::move(graph), options);
    if (!executable) return at(path, std::move(executable).error());
    return executable;
}

}  // namespace octet
