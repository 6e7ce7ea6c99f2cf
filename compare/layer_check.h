#pragma once

// Whether a layer computed in another way gives the values of a dump: all of them, after a look at some.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compare/emulation.h"

namespace octet::compare {

// A tensor of the dump and the operators that make it from others that the dump has, in order.
struct Range {
    Slot slot;
    std::vector<std::size_t> ops;
};

class LayerCheck {
  public:
    // `known` are the tensors that the range reads, `expected` what the dump has of its result, `computed` what the
    // profile gives. All three outlive the check.
    LayerCheck(const Emulation& emulation, const Range& range, const Tensors& known, const Tensor& expected,
               const Tensor& computed);

    // Variants of operators of the range, by index. False where such a layer cannot be computed.
    bool gives(const std::map<std::size_t, Variant>& variants) const;
    // Every operator of the range under another profile. May be true where only some elements are looked at.
    bool gives(const engine::npu_emu::Profile& profile) const;
    bool may_give(const engine::npu_emu::Profile& profile) const;

  private:
    const std::map<std::size_t, Variant>& under(const engine::npu_emu::Profile& profile) const;
    void choose_samples(const Tensor& computed);
    // Nothing: there is no short way to look at some elements.
    std::optional<bool> samples_agree(const Variant& variant) const;
    std::optional<bool> conv_samples_agree(const Variant& variant) const;
    std::optional<bool> float_samples_agree(const Variant& variant, const engine::ConvOp& conv) const;
    std::optional<bool> elementwise_samples_agree(const Variant& variant) const;

    const Emulation& emulation_;
    mutable std::map<std::size_t, Variant> plain_;  // the range's operators as they are, for other profiles
    const Range& range_;
    const Tensors& known_;
    const Tensor& expected_;
    // Elements of the result, those first that told a variant from the dump.
    mutable std::vector<std::int64_t> samples_;
    bool elementwise_ = false;
    Tensors sampled_;
    Tensor sampled_result_;
};

// One element of a layer, and what its value comes from.
struct Element {
    std::vector<std::int64_t> index;  // [n, c, h, w]
    std::int64_t dumped = 0, computed = 0;
    std::optional<std::int64_t> accumulator;
    std::optional<std::int32_t> multiplier;
    std::optional<int> shift;
    std::vector<std::int64_t> operands;  // of other operators than convolutions, as stored
    std::optional<double> exact;         // in steps of the result, with its zero point
    std::optional<double> to_tie;        // how far that is from the middle between two integers
};
// `at`: of the result of the range's last operator.
Element look_at(const Emulation& emulation, const Range& range, const Tensors& known, const Tensor& expected,
                const Tensor& computed, std::int64_t at);

}  // namespace octet::compare
