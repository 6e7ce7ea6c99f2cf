#pragma once

// Runs a network: Session::create(graph) plans once, run() executes without looking at the graph again.

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/plan.h"
#include "graph/ir/graph.h"
#include "graph/ir/tensor.h"

namespace octet::engine {

struct SessionOptions {
    int threads = 0;  // 0: usable_cpus()
};

// What an observer is told after each step.
struct StepInfo {
    std::string_view name;    // of the node that the step computes, with whatever is fused into it
    std::string_view kernel;  // e.g. "conv_u8s8_14x32_avx512vnni", "Conv_float"
    double milliseconds = 0;
    std::int64_t macs = 0;
};

class Session {
  public:
    // With the features of kernels::choose_features().
    static Result<Session> create(Graph graph, const SessionOptions& options = {});
    // Sessions may share a plan: each has an arena and threads of its own.
    static Result<Session> create(std::shared_ptr<const Plan> plan, const SessionOptions& options = {});
    Session(Session&&) noexcept;
    Session& operator=(Session&&) noexcept;
    ~Session();

    const std::vector<Port>& inputs() const;
    const std::vector<Port>& outputs() const;
    const std::map<std::string, std::string>& metadata() const;
    const Plan& plan() const;

    // `inputs` in the order of inputs(); dtype and shape must match, but for one liberty: where Port::accepts_pixels,
    // uint8 pixels [1, h, w, c] stand for the normalized float image [1, c, h, w]. Results are not changed by later
    // runs.
    Result<std::vector<Tensor>> run(std::span<const Tensor> inputs);

    void set_observer(std::function<void(const StepInfo&)> observer);

    // That run() works on: what was asked for, or fewer where the system gives no more.
    int threads() const;

  private:
    class Impl;
    explicit Session(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace octet::engine
