#pragma once

// What the step implementations share.

#include <algorithm>
#include <memory>
#include <utility>

#include "engine/cpu/plan.h"
#include "kernels/dispatch.h"

namespace octet::engine::cpu {

// Chunks for `units` of work: small enough to balance, large enough not to be all overhead.
inline std::int64_t grain_of(std::int64_t units, const ThreadPool& pool) {
    constexpr std::int64_t chunks_per_thread = 6;
    const std::int64_t threads = pool.size();
    // Too few to even out: each thread gets what it can do in one go.
    const std::int64_t chunks = units <= 2 * threads ? threads : threads * chunks_per_thread;
    return (units + chunks - 1) / chunks;
}

// A kernel that works on output rows; make_call(state) makes its argument from the planes.
template <typename Function, typename MakeCall>
class RowStep final : public Step {
  public:
    RowStep(std::string name, const kernels::KernelEntry<Function>& entry, int rows, std::vector<PlaneRef> planes,
            std::vector<ValueId> tensors_read, MakeCall make_call)
        : Step(std::move(name), entry.name, 0),
          run_(entry.run),
          rows_(rows),
          planes_(std::move(planes)),
          tensors_read_(std::move(tensors_read)),
          make_call_(std::move(make_call)) {}

    Result<void> run(RunState& state) const override {
        const auto call = make_call_(state);
        state.pool->run(rows_, grain_of(rows_, *state.pool), [&](std::int64_t begin, std::int64_t end, int) {
            run_(call, static_cast<int>(begin), static_cast<int>(end));
        });
        return {};
    }
    std::vector<PlaneRef> planes() const override { return planes_; }
    std::vector<ValueId> tensors_read() const override { return tensors_read_; }

  private:
    Function* run_;
    int rows_;
    std::vector<PlaneRef> planes_;
    std::vector<ValueId> tensors_read_;
    MakeCall make_call_;
};

template <typename Function, typename MakeCall>
std::unique_ptr<Step> row_step(std::string name, const kernels::KernelEntry<Function>& entry, int rows,
                               std::vector<PlaneRef> planes, MakeCall make_call,
                               std::vector<ValueId> tensors_read = {}) {
    return std::make_unique<RowStep<Function, MakeCall>>(std::move(name), entry, rows, std::move(planes),
                                                         std::move(tensors_read), std::move(make_call));
}

}  // namespace octet::engine::cpu
