#include "engine/cpu/plan.h"

#include <chrono>

#include "base/aligned_memory.h"

namespace octet::engine::cpu {
namespace {

std::size_t round_up(std::size_t bytes) {
    constexpr std::size_t align = kernels::buffer_alignment;
    return (bytes + align - 1) / align * align;
}

// The integers of a plane as the file has them. Int8 tensors lie in planes with 128 added.
template <typename T, typename Stored>
Tensor integers_of(RunState& state, PlaneRef plane, const QuantValue& value) {
    Tensor tensor(value.grid.dtype, value.shape);
    T* out = tensor.mutable_data<T>().data();
    const int offset = value.grid.dtype == DType::int8 ? 128 : 0;
    for (state.image = 0; state.image < value.images; ++state.image) {
        const auto view = state.view<Stored>(plane);
        for (int c = 0; c < view.c; ++c) {
            for (int y = 0; y < view.h; ++y) {
                for (int x = 0; x < view.w; ++x) *out++ = static_cast<T>(view.pixel(y, x)[c] - offset);
            }
        }
    }
    return tensor;
}

class PlanRunner final : public Runner {
  public:
    PlanRunner(const Plan& plan, ThreadPool& pool)
        : plan_(plan),
          scratch_stride_(round_up(plan.scratch_bytes)),
          memory_(
              aligned_bytes(round_up(plan.arena_bytes) + scratch_stride_ * static_cast<std::size_t>(pool.size()) + 1)) {
        state_.arena = memory_.get();
        state_.planes = &plan.planes;
        state_.pool = &pool;
        for (int i = 0; i < pool.size(); ++i) {
            state_.scratch.push_back(memory_.get() + round_up(plan.arena_bytes) +
                                     scratch_stride_ * static_cast<std::size_t>(i));
        }
        state_.tensors.resize(plan.network.tensors.size());
        for (const auto& [value, tensor] : plan.network.constants) {
            state_.tensors[static_cast<std::size_t>(value)] = tensor;
        }
    }

    Result<std::vector<Tensor>> run(std::span<const Tensor> inputs, const Observer& observer) override {
        for (std::size_t i = 0; i < inputs.size(); ++i) tensor(plan_.network.inputs[i].value) = inputs[i];
        for (const Stretch& stretch : plan_.stretches) OCTET_TRY(run(stretch, observer));
        std::vector<Tensor> outputs;
        for (const Port& port : plan_.network.outputs) outputs.push_back(tensor(port.value));
        return outputs;
    }

  private:
    Result<void> run(const Stretch& stretch, const Observer& observer) {
        using Milliseconds = std::chrono::duration<double, std::milli>;
        const auto first = static_cast<std::size_t>(stretch.begin), last = static_cast<std::size_t>(stretch.end);
        elapsed_.assign(last - first, 0);
        for (state_.image = 0; state_.image < stretch.images; ++state_.image) {
            for (std::size_t i = first; i < last; ++i) {
                const auto start = std::chrono::steady_clock::now();
                OCTET_TRY(plan_.sequence[i]->run(state_));
                elapsed_[i - first] += Milliseconds(std::chrono::steady_clock::now() - start).count();
            }
        }
        for (std::size_t i = first; i < last; ++i) {
            const Step& step = *plan_.sequence[i];
            if (observer.step) observer.step({step.name(), step.kernel(), elapsed_[i - first], step.macs()});
            if (observer.tensor) {
                for (const Completed& completed : plan_.completed_by[i]) show(completed, observer);
            }
            for (ValueId value : plan_.dead_after[i]) tensor(value) = Tensor();
        }
        return {};
    }

    Tensor& tensor(ValueId value) { return state_.tensors[static_cast<std::size_t>(value)]; }

    void show(const Completed& completed, const Observer& observer) {
        if (completed.tensor != no_value) {
            const auto& described = plan_.network.tensors[static_cast<std::size_t>(completed.tensor)];
            observer.tensor({described.name, nullptr, tensor(completed.tensor)});
            return;
        }
        const QuantValue& value = plan_.network.values[index_of(completed.integers)];
        const DType type = value.grid.dtype;
        const Tensor integers =
            type == DType::int16  ? integers_of<std::int16_t, std::int16_t>(state_, completed.plane, value)
            : type == DType::int8 ? integers_of<std::int8_t, std::uint8_t>(state_, completed.plane, value)
                                  : integers_of<std::uint8_t, std::uint8_t>(state_, completed.plane, value);
        observer.tensor({value.name, &value.grid, integers});
    }

    const Plan& plan_;
    std::size_t scratch_stride_;
    AlignedBytes memory_;
    RunState state_;
    std::vector<double> elapsed_;  // by step of a stretch
};

}  // namespace

std::vector<StepInfo> Plan::steps() const {
    std::vector<StepInfo> infos;
    for (const auto& step : sequence) infos.push_back({step->name(), step->kernel(), 0, step->macs()});
    return infos;
}

std::unique_ptr<Runner> Plan::make_runner(ThreadPool& pool) const {
    return std::make_unique<PlanRunner>(*this, pool);
}

}  // namespace octet::engine::cpu
