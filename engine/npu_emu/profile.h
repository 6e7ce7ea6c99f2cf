#pragma once

// The arithmetic of a runtime or a chip as data: which rule (rules.h) each kind of operator follows, how wide
// accumulators and multipliers are, what grids tensors may have, what is padded with, which operators there are. A JSON
// file:
//
//     {
//       "name": "my-npu",
//       "description": "…",
//       "extends": "tflite-double",            every key that is not given here is that profile's
//       "accumulator": {
//         "bits": 32,                          16, 18, 20, 24, 32, 40, 48 or 64
//         "overflow": "wrap",                  or "saturate"
//         "when": "end",                       of saturation: "end", once, or "addition", after each product
//         "order": "kernel-channel",           of the additions: row, column, channel; or "channel-kernel"
//         "bias": "first"                      or "last"
//       },
//       "multiplier": { "bits": 32, "scale": "double" },           scale: "double" or "float32" (xs * ws / ys)
//       "activations": { "range": "full", "zero_point": "any",     "symmetric": [-127, 127]; "zero"
//                          "overflow": "saturate" },                 or "wrap": the lowest bits of a result stay
//       "weights": { "range": "full", "scales": "channel" },       "symmetric"; "tensor"
//       "padding": { "value": "zero-point", "uneven": "inside" },  value: or an int8; uneven: "operator" where more is
//                                                                  padded than TensorFlow's SAME does
//       "demands": { "sigmoid": "any", "equal_scales": [] },       "1/256"; of "concat", "max_pool", "resize", "move"
//       "constants": { "leaky_alpha": null, "hardswish_sixth": null },   numbers or "26/256"
//       "rules": { "conv": "double", … },      an operator without a rule is refused; null takes one away
//       "limits": { "conv": { "max_kernel": 64 }, … }              of each kind of operator, see below
//     }
//
// Limits, of what an operator may be beside its rule; one that is beyond is refused with its number and the limit's:
//
//     max_kernel, max_stride, max_dilation     rows and columns of a convolution's or a pool's window, its steps, the
//                                              distance of its taps
//     max_channels                             of a convolution: what it reads and what it writes
//     max_batch                                of a convolution or a pool
//     factors: [1, 2, 4]                       of a resize: what an image grows by, rows and columns alike; with
//                                              align_corners the growth of (size - 1)
//     along_one_line: true                     and an image of one row or column, which keeps it, along that
//     from_one_pixel: true                     and an image of one pixel to any size
//
// Integers are those of the file: uint8 tensors are computed as int8 ones with 128 added.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/npu_emu/rules.h"

namespace octet::engine::npu_emu {

enum class Overflow : std::uint8_t { wrap, saturate };
enum class AdditionOrder : std::uint8_t { kernel_channel, channel_kernel };

struct Accumulator {
    int bits = 32;
    Overflow overflow = Overflow::wrap;
    bool each_addition = false;  // of saturation
    AdditionOrder order = AdditionOrder::kernel_channel;
    bool bias_first = true;

    std::int64_t max() const { return static_cast<std::int64_t>((std::uint64_t{1} << (bits - 1)) - 1); }
    std::int64_t min() const { return -max() - 1; }
    friend bool operator==(const Accumulator&, const Accumulator&) = default;
};

// Of one kind of operator; nothing: no limit.
struct Limits {
    std::optional<int> max_kernel, max_stride, max_dilation, max_channels, max_batch;
    std::vector<int> factors;
    bool along_one_line = false, from_one_pixel = false;

    friend bool operator==(const Limits&, const Limits&) = default;
};

struct Profile {
    std::string name, description;
    Accumulator accumulator;
    MultiplierForm multiplier;
    bool symmetric_activations = false, zero_point_zero = false, wraps_results = false;
    bool symmetric_weights = false, one_weight_scale = false;
    std::optional<int> padding_value;  // of int8; nothing: the zero point
    bool uneven_padding_is_operator = false;
    bool fixed_sigmoid = false;             // Sigmoid's result at 1/256, zero point -128
    std::vector<std::string> equal_scales;  // operators
    std::optional<double> leaky_alpha, hardswish_sixth;
    std::map<std::string, std::string, std::less<>> rules;
    std::map<std::string, Limits, std::less<>> limits;

    // Nothing: operators of this kind are not offered.
    std::optional<std::string_view> rule(std::string_view operation) const;
    bool demands_equal_scales(std::string_view operation) const;
    // What integers of a type are clamped to; more than they hold where results wrap.
    Range range(DType type) const;
    // What a convolution reads outside of its image, on the image's grid.
    int padding(const Grid& x) const;
    // Whether both compute the same integers, wherever both compute.
    bool same_arithmetic(const Profile& other) const;

    friend bool operator==(const Profile&, const Profile&) = default;
};

// The kinds of operators that rules are for, and the names that a rule may have there.
struct RuleKind {
    std::string_view operation;
    std::vector<std::string_view> rules;
};
const std::vector<RuleKind>& rule_kinds();

// Names of the profiles that octet comes with, and their files' text; nothing: there is none.
std::vector<std::string_view> profile_names();
std::optional<std::string_view> profile_text(std::string_view name);
// Of profiles that differ in their limits alone the first.
std::vector<std::string_view> arithmetic_names();

// By name, or else from a file. Errors name the file and the key.
Result<Profile> load_profile(const std::string& name_or_file);
// `where` stands in errors.
Result<Profile> parse_profile(std::string_view json, const std::string& where);

}  // namespace octet::engine::npu_emu
