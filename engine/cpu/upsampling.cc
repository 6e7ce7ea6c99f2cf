#include "engine/cpu/upsampling.h"

namespace octet::engine::cpu {
namespace {

// Fewer output channels do not pay for storing and adding the sums.
constexpr std::int64_t least_channels = 16;

// A square kernel, stride 1, the same padding on all sides, 8-bit inputs.
bool is_plain(const ConvOp& conv, int kernel, int pad) {
    return conv.groups == 1 && conv.x.grid.dtype != DType::int16 &&
           conv.window == Window{kernel, kernel, 1, 1, pad, pad, pad, pad, 1, 1};
}

// What a Resize to twice the size makes a tensor of.
std::optional<QuantId> before_upsampling(const Producers& producers, QuantId id) {
    const Op* op = producers[index_of(id)];
    const auto* resize = op ? std::get_if<ResizeOp>(&op->form) : nullptr;
    if (!resize || !resize->doubles) return std::nullopt;
    return resize->x.id;
}

}  // namespace

std::optional<UpsampledConcat> upsampled_concat(const Program& program, const Producers& producers,
                                                const ConvOp& conv) {
    if (!is_plain(conv, 1, 0) || conv.weights.shape()[0] < least_channels) return std::nullopt;
    const Op* op = producers[index_of(conv.x.id)];
    const auto* concat = op ? std::get_if<ConcatOp>(&op->form) : nullptr;
    if (!concat || concat->x.size() != 2 || concat->axis != 1) return std::nullopt;
    for (const std::size_t k : {std::size_t{0}, std::size_t{1}}) {
        const Operand &up = concat->x[k], &other = concat->x[1 - k];
        if (!conv.x.same_grid(up.grid) || !conv.x.same_grid(other.grid)) continue;
        const auto low = before_upsampling(producers, up.id);
        if (!low) continue;
        const Shape& beside = program.values[index_of(other.id)].shape;
        return UpsampledConcat{*low, other.id, k == 0 ? 0 : static_cast<int>(beside[1])};
    }
    return std::nullopt;
}

std::optional<QuantId> upsampled_input(const Producers& producers, const ConvOp& conv) {
    return is_plain(conv, 3, 1) ? before_upsampling(producers, conv.x.id) : std::nullopt;
}

}  // namespace octet::engine::cpu
