#include "compare/causes.h"

#include "compare/proposals.h"

namespace octet::compare {
namespace {

constexpr std::string_view convs = "Conv, Gemm", every = "all", tables = "activations, requantization",
                           two = "Add, Sub, Mul", one_scale = "Conv, Mul, requantization, LeakyRelu, Relu, Clip";

constexpr CauseInfo causes[] = {
    {"dump-layout-{}", "the arithmetic is right; the file holds the values in another order than it says", every},
    {"dump-rows-columns", "the arithmetic is right; rows and columns of the file are exchanged", every},
    {"dump-signedness", "the arithmetic is right; the file holds u8 where it says s8, or the other way round", every},
    {"dump-byte-order", "the arithmetic is right; the bytes of each value stand in the other order", every},
    {"dump-scaling", "the arithmetic is right; the file's floats are integers, or scaled otherwise", every},

    {"rule-{}", "rounding by the rule {}: {}", every},
    {"requantize-rule-{}", "its requantization follows the rule {}: {}", "Concat, MaxPool, Resize, Slice …"},
    {"add-steps-{}", "the multiplications of its sum round by the rule {}", "Add, Sub"},
    {"multiplier-{}", "a multiplier of {} bits", one_scale},
    {"multiplier-{}-{}", "a multiplier of {} bits, rounded by the rule {}", one_scale},
    {"multiplier-float32", "the multiplier comes from xs * ws / ys in float32, not in double", one_scale},
    {"multiplier-float32-{}", "the multiplier comes from float32 scales, rounded by the rule {}", one_scale},

    {"accumulator-wraps-{}", "the accumulator (with bias) wraps at {} bits", convs},
    {"accumulator-saturates-{}", "the accumulator (with bias) saturates at {} bits, once at the end", convs},
    {"accumulator-saturates-{}-before-bias", "the accumulator saturates at {} bits before the bias is added and behind",
     convs},
    {"accumulator-saturates-{}-each-addition-{}",
     "the accumulator saturates at {} bits after each product, in the order {}", convs},

    {"weights-transposed", "kernel transposed: height and width exchanged", convs},
    {"weights-flipped-rows", "kernel flipped upside down", convs},
    {"weights-flipped-columns", "kernel flipped from left to right", convs},
    {"weights-rotated-{}", "kernel rotated by {} degrees", convs},
    {"weights-antitransposed", "kernel transposed along the other diagonal", convs},
    {"weights-input-output-swapped", "input and output channels of the weights exchanged", convs},
    {"weights-order-{}-as-{}", "weights stored as {} and read as {}", convs},
    {"weights-channels-reversed-{}", "the {} channels of the weights in reversed order", convs},
    {"weights-channel-{}", "the weights of channel c{} used for channel c", convs},
    {"weights-negated", "weights with the other sign", convs},
    {"weights-clamped", "weights clamped to [-127, 127]", convs},
    {"weights-bits-{}", "weights rounded to {} bits", convs},
    {"weights-of-{}", "the weights of '{}'", convs},

    {"weight-scale-one-{}", "one weight scale for all channels (the {}) instead of one per channel", convs},
    {"weight-scale-channel-{}", "weight scale of channel c{} used for channel c", convs},
    {"weight-scale-reversed", "weight scales in reversed order", convs},
    {"weight-scale-of-{}", "the weight scales of '{}'", convs},
    {"weight-scale-power-of-two-{}", "weight scales rounded to powers of two ({})", convs},
    {"scale-power-of-two-{}", "the whole scale xs * ws / ys rounded to a power of two ({})", convs},

    {"bias-missing", "bias left out", convs},
    {"bias-doubled", "bias added twice", convs},
    {"bias-negated", "bias subtracted", convs},
    {"bias-halved", "half of the bias", convs},
    {"bias-channel-{}", "bias of channel c{} used for channel c", convs},
    {"bias-reversed", "bias in reversed order", convs},
    {"bias-saturates-{}", "bias saturated at {} bits", convs},
    {"bias-wraps-{}", "bias cut off at {} bits", convs},
    {"bias-of-{}", "the bias of '{}'", convs},
    {"zero-point-correction-missing", "the zero point of the input is not subtracted: sum of x * w", convs},
    {"zero-point-correction-doubled", "the zero point of the input is subtracted twice", convs},

    {"input-zero-point-{}-{}", "zero point of input {} taken as {} instead of {}", every},
    {"input-zero-point-{}-{}-padded-right",
     "zero point of input {} taken as {} instead of {}, but padded with the right one", convs},
    {"result-zero-point-{}", "zero point of the result taken as {} instead of {}", every},
    {"zero-points-swapped", "zero points of the two inputs exchanged", two},

    {"padding-{}", "padded with {} instead of the zero point", "Conv, Pad, MaxPool"},
    {"padding-side-{}", "padding on other sides: {}", "Conv, Pad"},
    {"pool-average", "an average instead of the largest", "MaxPool"},
    {"pool-counts-padding", "the mean counts padding, or does not", "AveragePool"},

    {"clamp-missing", "the activation's bounds (Relu, Clip, Relu6) left out", "all with an activation"},
    {"clamp-upper-missing", "the activation's upper bound (Relu6) left out", "all with an activation"},
    {"clamp-{}", "a {} where there is none", "Conv, Add, Mul, requantization"},
    {"clamp-symmetric", "results clamped to [-127, 127]", every},
    {"result-wraps", "results wrap at 8 bits instead of saturating", every},

    {"table-{}", "the table computed {}", tables},
    {"table-index-{}", "the table read one entry {}", tables},
    {"table-entries-{}", "the table's entries one too {}", tables},
    {"table-index-signed", "the table's index read with the other signedness", tables},
    {"table-segments-{}", "a table of {} straight segments", tables},
    {"function-{}", "{} instead of the operator's function", tables},
    {"leaky-alpha-{}", "alpha {} = {} instead of {}", "LeakyRelu"},
    {"hardswish-sixth-{}", "1/6 replaced by {} = {}", "HardSwish"},

    {"no-rescale", "inputs copied without rescaling to the output scale", "Concat, requantization"},
    {"no-rescale-but-zero-point", "inputs copied without rescaling, only moved by the zero points",
     "Concat, requantization"},
    {"no-rescale-input-{}", "input {} without rescaling to the output scale", "Concat, Add, Sub, Mul"},
    {"no-rescale-input-{}-but-zero-point", "input {} copied without rescaling, only moved by the zero points",
     "Concat"},
    {"no-rescale-inputs", "inputs added without rescaling to the output scale", two},
    {"scales-swapped", "scales of the two inputs exchanged", two},
    {"operands-subtracted", "the second operand subtracted instead of added, or the other way round", "Add, Sub"},
    {"inputs-swapped-{}-{}", "inputs {} and {} exchanged", "Concat"},

    {"resize-index-{}", "source index {} instead of the operator's", "Resize"},
    {"resize-transposed", "rows and columns of the result exchanged", "Resize"},

    {"input-scale-{}-of-{}", "scale of input {} taken from '{}'", every},
    {"result-scale-of-{}", "scale of the result taken from '{}'", every},
    {"input-grid-{}-of-{}", "scale and zero point of input {} taken from '{}'", every},
    {"result-grid-of-{}", "scale and zero point of the result taken from '{}'", every},
};

}  // namespace

std::span<const CauseInfo> list_causes() {
    return causes;
}

void Proposals::add_formatted(std::string_view id, fmt::format_args id_arguments, fmt::format_args text_arguments,
                              std::function<bool(Variant&)> change) {
    for (std::size_t i = 0; i < std::size(causes); ++i) {
        if (causes[i].id != id) continue;
        list_.push_back(
            {i, fmt::vformat(id, id_arguments), fmt::vformat(causes[i].text, text_arguments), std::move(change)});
        return;
    }
    std::abort();  // a family that the list above has not
}

std::vector<Hypothesis> hypotheses(const Emulation& emulation, std::size_t op) {
    Proposals proposals(emulation, op);
    propose_rules(proposals);
    propose_convolution(proposals);
    propose_activation(proposals);
    propose_movers(proposals);
    propose_grids(proposals);
    return std::move(proposals).sorted();
}

}  // namespace octet::compare
