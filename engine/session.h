#pragma once

// Runs a network: compile (compile.h) once, then run() as often as wanted.

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/backend.h"
#include "graph/ir/tensor.h"

namespace octet::engine {

struct SessionOptions {
    int threads = 0;  // 0: usable_cpus()
};

// Whether run() takes the tensor there: dtype and shape must match, but for one liberty: where Port::accepts_pixels,
// uint8 pixels [n, h, w, c] stand for the normalized float image [n, c, h, w].
Result<void> check_input(const Port& port, const Tensor& given);

class Session {
  public:
    // Sessions may share an executable: each has memory and threads of its own.
    static Result<Session> create(std::shared_ptr<const Executable> executable, const SessionOptions& options = {});
    Session(Session&&) noexcept;
    Session& operator=(Session&&) noexcept;
    ~Session();

    const std::vector<Port>& inputs() const { return executable().program().inputs; }
    const std::vector<Port>& outputs() const { return executable().program().outputs; }
    const std::map<std::string, std::string>& metadata() const { return executable().program().metadata; }
    const Executable& executable() const;

    // `inputs` in the order of inputs(); dtype and shape must match, but for one liberty: where Port::accepts_pixels,
    // uint8 pixels [n, h, w, c] stand for the normalized float image [n, c, h, w]. Results are not changed by later
    // runs.
    Result<std::vector<Tensor>> run(std::span<const Tensor> inputs);

    // Called from run(), on the thread that calls it.
    void set_observer(Observer observer);

    // That run() works on: what was asked for, or fewer where the system gives no more.
    int threads() const;

  private:
    class Impl;
    explicit Session(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace octet::engine
