#pragma once

// What runs: one step an operator, over tensors as the file has them, [n, c, h, w], whole tensors at a time.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/aligned_memory.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "engine/backend.h"
#include "engine/npu_emu/profile.h"
#include "engine/program.h"
#include "graph/ops/op_def.h"
#include "graph/quant/grid.h"
#include "kernels/cpu.h"

namespace octet::engine::npu_emu {

// A block of memory that grows and is used again by the next step.
class Buffer {
  public:
    std::byte* at_least(std::size_t bytes) {
        if (bytes > size_) {
            memory_ = aligned_bytes(bytes);
            size_ = bytes;
        }
        return memory_.get();
    }

  private:
    AlignedBytes memory_;
    std::size_t size_ = 0;
};

struct RunState {
    std::vector<Tensor> values;   // by QuantId
    std::vector<Tensor> tensors;  // by ValueId
    ThreadPool* pool = nullptr;
    Buffer plane, sums;
    std::vector<Buffer> scratch;  // one a thread
    const Observer* observer = nullptr;

    const Tensor& operator[](QuantId id) const { return values[index_of(id)]; }
    const Tensor& tensor(ValueId id) const { return tensors[static_cast<std::size_t>(id)]; }
    // body(i) for every i in [0, count) on the pool's threads, some at a time.
    template <typename Body>
    void for_each(std::int64_t count, const Body& body) const {
        const std::int64_t grain = std::max<std::int64_t>(1, count / (std::int64_t{8} * pool->size()));
        pool->run(count, grain, [&](std::int64_t begin, std::int64_t end, int) {
            for (std::int64_t i = begin; i < end; ++i) body(i);
        });
    }
    // The same for operators of the graph.
    ParallelFor parallel_for() const {
        return
            [this](std::int64_t count, const std::function<void(std::int64_t)>& body) { pool->for_each(count, body); };
    }
};

class Step {
  public:
    Step(std::string name, std::string rule, std::int64_t macs)
        : name_(std::move(name)), rule_(std::move(rule)), macs_(macs) {}
    virtual ~Step() = default;
    virtual Result<void> run(RunState& state) const = 0;

    const std::string& name() const { return name_; }
    const std::string& rule() const { return rule_; }
    std::int64_t macs() const { return macs_; }

  private:
    std::string name_, rule_;
    std::int64_t macs_;
};

using StepResult = Result<std::unique_ptr<Step>>;

// Fails where the profile's rule cannot hold the operator's scales, types or shapes.
StepResult make_step(const Op& op, const Program& program, const Profile& profile, kernels::CpuFeatures features);
StepResult make_conv_step(const Op& op, const Program& program, const Profile& profile, kernels::CpuFeatures features);

// The kind of operator that rules and limits are looked up for: "conv", "depthwise_conv", "leaky_relu" …; empty: none.
std::string_view operation_of(const Op& op, const Program& program);

// f.template operator()<T>() with the type of a quantized tensor.
template <typename F>
decltype(auto) with_integers(DType type, F&& f) {
    if (type == DType::uint8) return f.template operator()<std::uint8_t>();
    if (type == DType::int16) return f.template operator()<std::int16_t>();
    return f.template operator()<std::int8_t>();
}

// The range that an activation behind an operator leaves: relu from the zero point on, clip between the bounds on y's
// grid (TFLite's CalculateActivationRangeQuantized: rounded half away).
Range activated_range(const ActivationSpec& activation, const Grid& y, Range range);

}  // namespace octet::engine::npu_emu
