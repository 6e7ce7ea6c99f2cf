#include "apps/common/network.h"

#include <fmt/format.h>

#include "apps/common/cli.h"

namespace octet::apps {
namespace {

void print_float_notice(const std::string& program, const std::string& model, const engine::Program& network) {
    constexpr std::size_t shown = 3;
    const std::vector<engine::FloatLayer> layers = network.float_layers();
    if (layers.empty()) return;
    std::string names;
    for (std::size_t i = 0; i < layers.size() && i < shown; ++i) {
        names += fmt::format("{}{} ({})", i == 0 ? "" : ", ", layers[i].name, layers[i].op);
    }
    print_notice(program,
                 fmt::format("{} layer{} quantized in the file but run{} in float, slower: {}{}; why: octet-inspect "
                             "--plan {}",
                             layers.size(), layers.size() == 1 ? " is" : "s are", layers.size() == 1 ? "s" : "", names,
                             layers.size() > shown ? ", …" : "", model));
}

void print_rewrites(const std::string& program, const engine::Executable& executable) {
    const std::vector<std::string> rewrites = executable.rewrites();
    if (rewrites.empty()) return;
    print_notice(program,
                 fmt::format("{} rewrite{} for the profile, {}{}; all of them: octet-inspect --plan", rewrites.size(),
                             rewrites.size() == 1 ? "" : "s", rewrites[0], rewrites.size() > 1 ? ", …" : ""));
}

}  // namespace

Result<std::shared_ptr<const engine::Executable>> load_network(const std::string& program, const std::string& model,
                                                               const onnx::ImportOptions& sizes,
                                                               const engine::CompileOptions& compile) {
    OCTET_ASSIGN(auto executable, load_executable(model, sizes, compile));
    print_float_notice(program, model, executable->program());
    print_rewrites(program, *executable);
    return executable;
}

Table float_layer_table(const std::vector<engine::FloatLayer>& layers) {
    Table table{{"in float", "operator", "because"}, {}};
    for (const engine::FloatLayer& layer : layers) table.rows.push_back({layer.name, layer.op, layer.reason});
    return table;
}

}  // namespace octet::apps
