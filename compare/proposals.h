#pragma once

// How the families of causes.h become hypotheses about one operator; a file for each group of operators.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "compare/causes.h"

namespace octet::compare {

class Proposals {
  public:
    Proposals(const Emulation& emulation, std::size_t op) : emulation_(emulation), op_(op) {}

    const Emulation& emulation() const { return emulation_; }
    const engine::Program& program() const { return emulation_.program(); }
    const engine::Op& op() const { return program().ops[op_]; }
    std::size_t index() const { return op_; }
    std::string kind() const { return emulation_.kind(op_); }
    const Grid& grid(engine::QuantId id) const { return program().values[engine::index_of(id)].grid; }
    const Grid* result_grid() const {
        const engine::QuantId y = engine::written(op());
        return y == engine::no_quant ? nullptr : &grid(y);
    }

    // The words have the id's arguments, or those of add_with.
    template <typename... Args>
    void add(std::string_view id, const std::function<bool(Variant&)>& change, const Args&... arguments) {
        add_formatted(id, fmt::make_format_args(arguments...), fmt::make_format_args(arguments...), change);
    }
    template <typename Id, typename... Args>
    void add_with(std::string_view id, const Id& argument, const std::function<bool(Variant&)>& change,
                  const Args&... text_arguments) {
        add_formatted(id, fmt::make_format_args(argument), fmt::make_format_args(text_arguments...), change);
    }
    template <typename Id, typename Second, typename... Args>
    void add_with_two(std::string_view id, const Id& first, const Second& second,
                      const std::function<bool(Variant&)>& change, const Args&... text_arguments) {
        add_formatted(id, fmt::make_format_args(first, second), fmt::make_format_args(text_arguments...), change);
    }

    std::vector<Hypothesis> sorted() && {
        std::stable_sort(list_.begin(), list_.end(),
                         [](const Hypothesis& a, const Hypothesis& b) { return a.family < b.family; });
        return std::move(list_);
    }

  private:
    void add_formatted(std::string_view id, fmt::format_args id_arguments, fmt::format_args text_arguments,
                       std::function<bool(Variant&)> change);

    const Emulation& emulation_;
    std::size_t op_;
    std::vector<Hypothesis> list_;
};

// Whether the operator's rule is a requantization that multiplies integers, so that multipliers' widths matter.
bool multiplies_integers(const Emulation& emulation, std::size_t op);
// The rule that the profile has for a kind, its own where it follows another kind's.
std::string rule_of(const engine::npu_emu::Profile& profile, const std::string& kind);

// Rounding, multipliers, accumulators.
void propose_rules(Proposals& proposals);
// Weights, their scales, bias, padding of convolutions.
void propose_convolution(Proposals& proposals);
// Tables, functions, constants, bounds.
void propose_activation(Proposals& proposals);
// Concat, Add, pools, Resize, Pad.
void propose_movers(Proposals& proposals);
// Scales and zero points of other tensors.
void propose_grids(Proposals& proposals);

}  // namespace octet::compare
