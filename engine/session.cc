#include "engine/session.h"

#include <chrono>

#include "base/aligned_memory.h"
#include "engine/lowering.h"
#include "engine/plan.h"
#include "graph/ops/infer.h"
#include "graph/passes/pass.h"

namespace octet::engine {
namespace {

constexpr std::size_t align = kernels::buffer_alignment;

std::size_t round_up(std::size_t bytes) {
    return (bytes + align - 1) / align * align;
}

}  // namespace

class Session::Impl {
  public:
    Impl(std::shared_ptr<const Plan> plan, int threads)
        : plan_(std::move(plan)),
          pool_(threads),
          scratch_stride_(round_up(plan_->scratch_bytes)),
          memory_(aligned_bytes(round_up(plan_->arena_bytes) +
                                scratch_stride_ * static_cast<std::size_t>(pool_.size()) + 1)) {
        state_.arena = memory_.get();
        state_.planes = &plan_->planes;
        state_.pool = &pool_;
        for (int i = 0; i < pool_.size(); ++i) {
            state_.scratch.push_back(memory_.get() + round_up(plan_->arena_bytes) +
                                     scratch_stride_ * static_cast<std::size_t>(i));
        }
        state_.tensors.resize(plan_->tensor_count);
        for (const auto& [value, tensor] : plan_->constants) state_.tensors[static_cast<std::size_t>(value)] = tensor;
    }

    Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) {
        OCTET_TRY(bind(inputs));
        for (std::size_t i = 0; i < plan_->steps.size(); ++i) {
            const Step& step = *plan_->steps[i];
            const auto start = std::chrono::steady_clock::now();
            OCTET_TRY(step.run(state_));
            if (observer_) {
                const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
                observer_({step.name(), step.kernel(), elapsed.count(), step.macs()});
            }
            for (ValueId value : plan_->dead_after[i]) state_.tensors[static_cast<std::size_t>(value)] = Tensor();
        }
        std::vector<Tensor> outputs;
        for (const Port& port : plan_->outputs) outputs.push_back(state_.tensors[static_cast<std::size_t>(port.value)]);
        return outputs;
    }

    const Plan& plan() const { return *plan_; }
    int threads() const { return pool_.size(); }
    void set_observer(std::function<void(const StepInfo&)> observer) { observer_ = std::move(observer); }

  private:
    Result<void> bind(std::span<const Tensor> inputs) {
        if (inputs.size() != plan_->inputs.size()) {
            return fail(ErrorCode::invalid_argument, "the network has {} inputs, {} were given", plan_->inputs.size(),
                        inputs.size());
        }
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            const Port& port = plan_->inputs[i];
            const Tensor& given = inputs[i];
            const bool pixels = port.accepts_pixels && given.dtype() == DType::uint8 &&
                                given.shape() == Shape{port.shape[0], port.shape[2], port.shape[3], port.shape[1]};
            if (!pixels && (given.dtype() != port.dtype || given.shape() != port.shape)) {
                return fail(ErrorCode::invalid_argument, "input '{}' is {} {}, but {} {} was given", port.name,
                            dtype_name(port.dtype), to_string(port.shape), dtype_name(given.dtype()),
                            to_string(given.shape()));
            }
            state_.tensors[static_cast<std::size_t>(port.value)] = given;
        }
        return {};
    }

    std::shared_ptr<const Plan> plan_;
    ThreadPool pool_;
    std::size_t scratch_stride_;
    AlignedBytes memory_;
    RunState state_;
    std::function<void(const StepInfo&)> observer_;
};

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Result<Session> Session::create(Graph graph, const SessionOptions& options) {
    const auto features = kernels::choose_features();
    if (!features) return fail(ErrorCode::invalid_argument, "{}", features.error());
    OCTET_TRY(infer_shapes(graph));
    // The new nodes stand before their readers, so a chain of movers takes a sweep for each.
    while (hoist_quantize(graph) > 0) OCTET_TRY(infer_shapes(graph));
    OCTET_ASSIGN(auto plan, make_plan(graph, *features));
    return create(std::move(plan), options);
}

Result<Session> Session::create(std::shared_ptr<const Plan> plan, const SessionOptions& options) {
    if (options.threads < 0) return fail(ErrorCode::invalid_argument, "{} threads", options.threads);
    return Session(std::make_unique<Impl>(std::move(plan), options.threads));
}

const std::vector<Port>& Session::inputs() const {
    return impl_->plan().inputs;
}
const std::vector<Port>& Session::outputs() const {
    return impl_->plan().outputs;
}
const std::map<std::string, std::string>& Session::metadata() const {
    return impl_->plan().metadata;
}
const Plan& Session::plan() const {
    return impl_->plan();
}
Result<std::vector<Tensor>> Session::run(std::span<const Tensor> inputs) {
    return impl_->run(inputs);
}
void Session::set_observer(std::function<void(const StepInfo&)> observer) {
    impl_->set_observer(std::move(observer));
}
int Session::threads() const {
    return impl_->threads();
}

}  // namespace octet::engine
