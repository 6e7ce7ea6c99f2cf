#pragma once

// What executes programs. A backend says before anything is placed which tensors and operators it takes; what it does
// not take runs in float (recognize.h).

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "engine/program.h"

namespace octet::engine {

// What an observer is told after each step.
struct StepInfo {
    std::string_view name;    // of the node that the step computes, with whatever is fused into it
    std::string_view kernel;  // e.g. "conv_u8s8_14x32_avx512vnni", "Conv_float"
    double milliseconds = 0;
    std::int64_t macs = 0;
};

// A tensor of a run. Integers as the file has them: of the grid's type, [n, c, h, w].
struct TensorInfo {
    std::string_view name;
    const Grid* grid = nullptr;  // nullptr: float, or whatever type a float operator made
    const Tensor& values;
};

// What one run's accumulators of a convolution came to, their bias included.
struct AccumulatorRange {
    std::string_view name;  // of the step
    std::int64_t min = 0, max = 0;
};

// Functions that are empty are not called.
struct Observer {
    std::function<void(const StepInfo&)> step{};
    std::function<void(const TensorInfo&)> tensor{};              // wants CompileOptions::observable
    std::function<void(const AccumulatorRange&)> accumulators{};  // of backends that have them
};

// One user's memory for running an Executable. Not for two threads at once.
class Runner {
  public:
    virtual ~Runner() = default;
    // `inputs` match the program's ports; results are not changed by later runs.
    virtual Result<std::vector<Tensor>> run(std::span<const Tensor> inputs, const Observer& observer) = 0;
};

// A network ready to run. Never changes; several runners, on several threads, may share it.
class Executable {
  public:
    virtual ~Executable() = default;
    virtual const Program& program() const = 0;
    virtual std::string level() const = 0;            // of the instruction set, where the backend has such
    virtual std::vector<StepInfo> steps() const = 0;  // in order; no times
    virtual bool observable() const = 0;              // an observer is shown every tensor
    // What the backend computes in another form than the file has it, equal or not; a line each.
    virtual std::vector<std::string> rewrites() const { return {}; }
    // `pool` must outlive the runner; the executable must too.
    virtual std::unique_ptr<Runner> make_runner(ThreadPool& pool) const = 0;
};

class Backend {
  public:
    virtual ~Backend() = default;
    virtual std::string_view name() const = 0;
    // Nothing, or why tensors of this shape and grid cannot be held.
    virtual std::optional<std::string> why_not(const QuantValue& value) const = 0;
    // Nothing, or why the operator cannot be computed exactly as the backend's arithmetic defines it. `program` has the
    // operator's tensors, and in its `ops` those that were taken so far: all that may read what this one writes.
    virtual std::optional<std::string> why_not(const Op& op, const Program& program) const = 0;
    // Operators that only move values are wanted between equal grids: a requantization goes in front of the others.
    virtual bool requantizes_before_moves() const { return true; }
    virtual Result<std::shared_ptr<const Executable>> compile(Program program) const = 0;
};

}  // namespace octet::engine
