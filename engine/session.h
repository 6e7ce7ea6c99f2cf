#pragma once

// Runs a network: Session::create(graph) plans once, run() executes without looking at the graph again.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/graph.h"
#include "graph/ir/result.h"
#include "graph/ir/tensor.h"

namespace octet::engine {

struct SessionOptions {
    int threads = 0;  // 0: as many as the machine has cores
};

// What an observer is told after each step.
struct StepInfo {
    std::string_view name;    // of the node, or of the last node of a fused group
    std::string_view kernel;  // e.g. "conv_u8s8_12x32_avx512vnni", "float_reference"
    double milliseconds = 0;
    std::int64_t macs = 0;
};

class Session {
  public:
    static Result<Session> create(Graph graph, const SessionOptions& options = {});
    Session(Session&&) noexcept;
    Session& operator=(Session&&) noexcept;
    ~Session();

    struct Port {
        std::string name;
        DType dtype;
        Shape shape;
    };
    const std::vector<Port>& inputs() const;
    const std::vector<Port>& outputs() const;
    const std::map<std::string, std::string>& metadata() const;

    // `inputs` in the order of inputs(); dtype and shape must match, but for one liberty: where the model begins by
    // quantizing normalized pixels, an input may be given as uint8 pixels of the same shape.
    Result<std::vector<Tensor>> run(std::span<const Tensor> inputs);

    void set_observer(std::function<void(const StepInfo&)> observer);

    int threads() const;

  private:
    class Impl;
    explicit Session(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace octet::engine
