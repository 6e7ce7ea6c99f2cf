// consumer MODEL: runs the network once on zeros and prints its outputs.

#include <cstdio>

#include "engine/compile.h"
#include "engine/session.h"
#include "frontends/onnx/importer.h"

namespace {

octet::Result<void> run(const char* path) {
    OCTET_ASSIGN(octet::Graph graph, octet::onnx::load(path));
    OCTET_ASSIGN(const auto executable, octet::engine::compile(std::move(graph)));
    OCTET_ASSIGN(auto session, octet::engine::Session::create(executable));
    std::vector<octet::Tensor> inputs;
    for (const auto& port : session.inputs()) inputs.emplace_back(port.dtype, port.shape);
    OCTET_ASSIGN(const auto outputs, session.run(inputs));
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        std::printf("%s %s\n", session.outputs()[i].name.c_str(), octet::to_string(outputs[i].shape()).c_str());
    }
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const auto done = run(argv[1]);
    if (!done) std::fprintf(stderr, "%s\n", done.error().message.c_str());
    return done ? 0 : 3;
}
