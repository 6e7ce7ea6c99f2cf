#include "engine/session.h"

#include "base/thread_pool.h"

namespace octet::engine {

Result<void> check_input(const Port& port, const Tensor& given) {
    if (given.dtype() == port.dtype && given.shape() == port.shape) return {};
    std::string pixels;
    if (port.accepts_pixels) {
        const Shape shape{port.shape[0], port.shape[2], port.shape[3], port.shape[1]};
        if (given.dtype() == DType::uint8 && given.shape() == shape) return {};
        pixels = fmt::format(" (or pixels, {} {})", dtype_name(DType::uint8), to_string(shape));
    }
    return fail(ErrorCode::invalid_argument, "input '{}' is {} {}{}, but {} {} was given", port.name,
                dtype_name(port.dtype), to_string(port.shape), pixels, dtype_name(given.dtype()),
                to_string(given.shape()));
}

class Session::Impl {
  public:
    Impl(std::shared_ptr<const Executable> executable, int threads)
        : executable_(std::move(executable)), pool_(threads), runner_(executable_->make_runner(pool_)) {}

    Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) {
        const std::vector<Port>& ports = executable_->program().inputs;
        if (inputs.size() != ports.size()) {
            return fail(ErrorCode::invalid_argument, "the network has {} inputs, {} were given", ports.size(),
                        inputs.size());
        }
        for (std::size_t i = 0; i < inputs.size(); ++i) OCTET_TRY(check_input(ports[i], inputs[i]));
        return runner_->run(inputs, observer_);
    }

    const Executable& executable() const { return *executable_; }
    int threads() const { return pool_.size(); }
    void set_observer(Observer observer) { observer_ = std::move(observer); }

  private:
    std::shared_ptr<const Executable> executable_;
    ThreadPool pool_;
    std::unique_ptr<Runner> runner_;
    Observer observer_;
};

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Result<Session> Session::create(std::shared_ptr<const Executable> executable, const SessionOptions& options) {
    if (options.threads < 0) return fail(ErrorCode::invalid_argument, "{} threads", options.threads);
    return Session(std::make_unique<Impl>(std::move(executable), options.threads));
}

const Executable& Session::executable() const {
    return impl_->executable();
}
Result<std::vector<Tensor>> Session::run(std::span<const Tensor> inputs) {
    return impl_->run(inputs);
}
void Session::set_observer(Observer observer) {
    impl_->set_observer(std::move(observer));
}
int Session::threads() const {
    return impl_->threads();
}

}  // namespace octet::engine
