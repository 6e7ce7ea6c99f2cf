#pragma once

// A network in the arithmetic of a profile, step by step: as a whole, or one operator fed with whatever tensors.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/npu_emu/profile.h"
#include "engine/npu_emu/step.h"
#include "engine/program.h"
#include "graph/ir/graph.h"
#include "kernels/cpu.h"

namespace octet::compare {

// A tensor of a program: integers, or else float.
struct Slot {
    engine::QuantId value = engine::no_quant;
    ValueId tensor = no_value;

    bool quantized() const { return value != engine::no_quant; }
    friend bool operator==(const Slot&, const Slot&) = default;
    friend bool operator<(const Slot& a, const Slot& b) {
        return a.value != b.value ? a.value < b.value : a.tensor < b.tensor;
    }
};

using Tensors = std::map<Slot, Tensor>;

// An operator that is computed otherwise than the program says: another operator, other grids around it, another
// profile.
struct Variant {
    engine::Op op;
    engine::Program program;  // the tensors around `op` alone, by the ids that they have in the network
    engine::npu_emu::Profile profile;
    // What happens to the result behind it; empty: nothing.
    std::function<void(const engine::npu_emu::RunState& state, Tensor& y)> behind;

    const Grid& grid(engine::QuantId id) const { return program.values[engine::index_of(id)].grid; }
    Grid& grid(engine::QuantId id) { return program.values[engine::index_of(id)].grid; }
};

class Emulation {
  public:
    // Errors name the nodes that the profile cannot run.
    static Result<std::shared_ptr<const Emulation>> create(Graph graph, engine::npu_emu::Profile profile, int threads);

    const engine::Program& program() const { return *network_; }
    const engine::npu_emu::Profile& profile() const { return profile_; }
    const std::vector<std::string>& rewrites() const { return rewrites_; }
    const std::string& rule(std::size_t op) const { return steps_[op]->rule(); }
    // The kind of operator that rules are looked up for; that of the program where there is none.
    std::string kind(std::size_t op) const;
    std::vector<Slot> read_by(std::size_t op) const;
    std::vector<Slot> written_by(std::size_t op) const;
    // Grid and shape; of float tensors a grid is nullptr.
    const Grid* grid(const Slot& slot) const;
    const Shape& shape(const Slot& slot) const;
    const std::string& name(const Slot& slot) const;

    // All steps whose operands there are, in order. `given` are tensors that nothing computes: the network's input, as
    // the port's or as its integers. `visit` sees the result of each step, an empty tensor where it could not run, and
    // may put another one in its place.
    using Visit = std::function<void(std::size_t op, const Slot& slot, Tensor& result)>;
    Result<void> run(const Tensors& given, const Visit& visit) const;

    // The operators of `range` in order on `known` tensors; variants replace those of their index. The result of the
    // last one.
    Result<Tensor> run_range(const std::vector<std::size_t>& range, const Tensors& known,
                             const std::map<std::size_t, Variant>& variants = {}) const;
    // One operator alone, on tensors of any size that its steps take.
    Result<Tensor> run_variant(const Variant& variant, const Tensors& known) const;

    Variant as_it_is(std::size_t op) const;

  private:
    explicit Emulation(int threads)
        : pool_(std::make_unique<ThreadPool>(threads)), alone_(std::make_unique<ThreadPool>(1)) {}
    // For so many multiply-accumulates and elements at a time.
    engine::npu_emu::RunState state_for(const engine::Program& program, std::int64_t work) const;

    std::shared_ptr<const engine::Executable> executable_;
    const engine::Program* network_ = nullptr;
    engine::npu_emu::Profile profile_;
    kernels::CpuFeatures features_{};
    std::vector<std::string> rewrites_;
    std::vector<std::unique_ptr<engine::npu_emu::Step>> steps_;
    std::unique_ptr<ThreadPool> pool_, alone_;  // a team costs more than it gains on little work
    engine::Observer nobody_;
};

}  // namespace octet::compare
