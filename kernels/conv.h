#pragma once

// Convolution, u8 activations (zero point zx) or s16 ones (zero point 0) x s8 weights (zero point 0), int32
// accumulators, fixed16 epilogue:
//
//     acc[oy, ox, o] = sum over ky, kx, i of
//                          x[oy*sh - pt + ky*dh, ox*sw - pl + kx*dw, g*cin/groups + i] * w[o, ky, kx, i]
//
// over the raw values (g = o / (cout / groups)); -zx * sum(w) is part of the epilogue's bias. Pixels outside the
// plane are read from the halo, which therefore holds zx and is at least conv_halo() wide. Bound: 255 * sum|w| < 2^31
// for each output channel, 32768 * sum|w| < 2^31 with s16 activations.
//
// An implementation packs the weights once, and runs any part of the work: units are numbered 0 … units() - 1 in an
// order of the kernel's choice; each output element belongs to one unit, so that threads may take disjoint unit ranges.

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/dispatch.h"
#include "kernels/requantize.h"
#include "kernels/tensor_view.h"

namespace octet::kernels {

enum class ConvInput : std::uint8_t { u8, s16 };

OCTET_INLINE constexpr int conv_input_bytes(ConvInput input) {
    return input == ConvInput::s16 ? 2 : 1;
}

struct ConvParams {
    int kernel_h = 1, kernel_w = 1;
    int stride_h = 1, stride_w = 1;
    int pad_top = 0, pad_left = 0;  // padding at the bottom and the right follows from the output's size
    int dilation_h = 1, dilation_w = 1;
    int groups = 1;
    int cin = 0, cout = 0;
    ConvInput input = ConvInput::u8;
    bool adds_partial = false;  // ConvCall::partial is set
    // Nearest upsampling to twice the size stands before the convolution: x[y, x] above is in[y / 2, x / 2], rounded
    // down, and so is the padding.
    bool upsampled = false;
};

// Halo that the input needs so that every pixel read exists.
int conv_halo(const ConvParams& params, int in_h, int in_w, int out_h, int out_w);

struct ConvCall {
    ConvParams params{};
    const std::byte* packed = nullptr;  // what pack() wrote, aligned to buffer_alignment
    ConstU8View in{};  // s16 activations: the plane as bytes (bytes_of), so c and the strides are twice as large
    Fixed16 epilogue{};
    // Exactly one of the three is set, the one that epilogue.output names. h, w, c of it are the output's size.
    U8View out_u8{};
    S16View out_s16{};
    S32View out_s32{};
    ConstU8View residual{};  // data == nullptr: none. May be the output itself.
    // Added to acc[y, x]: partial[y / 2, x / 2], of cout channels. What a 1x1 convolution over upsampled channels
    // comes to, computed once for the four pixels that share it. May be over-read as an input may.
    ConstS32View partial{};

    OCTET_INLINE int out_h() const { return out_u8.data ? out_u8.h : out_s16.data ? out_s16.h : out_s32.h; }
    OCTET_INLINE int out_w() const { return out_u8.data ? out_u8.w : out_s16.data ? out_s16.w : out_s32.w; }
};

struct ConvKernel {
    const char* name;
    CpuFeatures needs;
    ConvInput input;
    // nullptr, or why this kernel cannot compute this convolution exactly. weights:
    // [cout][kernel_h][kernel_w][cin/groups].
    const char* (*refuses)(const ConvParams& params, const std::int8_t* weights);
    std::size_t (*packed_bytes)(const ConvParams& params, const std::int8_t* weights);
    void (*pack)(const ConvParams& params, const std::int8_t* weights, std::byte* packed);
    // Bytes that run() needs for itself; each thread brings its own, aligned to buffer_alignment.
    std::size_t (*scratch_bytes)(const ConvCall& call);
    int (*units)(const ConvCall& call);
    void (*run)(const ConvCall& call, int unit_begin, int unit_end, std::byte* scratch) noexcept;
};

// Of a class that has them all as static members. A constant expression: nothing of an instruction set's file may run
// before its level is chosen.
template <typename Kernel>
constexpr ConvKernel conv_kernel(const char* name, CpuFeatures needs) {
    return {name,
            needs,
            Kernel::input,
            Kernel::refuses,
            Kernel::packed_bytes,
            Kernel::pack,
            Kernel::scratch_bytes,
            Kernel::units,
            Kernel::run};
}

// Fast to reference.
std::span<const ConvKernel* const> conv_kernels();
// The first that these features run and that does not refuse.
const ConvKernel& select_conv(CpuFeatures features, const ConvParams& params, const std::int8_t* weights);

// One acc to the output that the epilogue names; y, x, o: the output's coordinates. The scalar tail of every kernel.
OCTET_INLINE void conv_store(const ConvCall& call, int y, int x, int o, std::int32_t acc) {
    if (call.partial.data) acc += call.partial.pixel(y / 2, x / 2)[o];
    switch (call.epilogue.output) {
        case OutputKind::u8:
            call.out_u8.pixel(y, x)[o] = call.residual.data
                                             ? fixed16_u8(acc, o, call.epilogue, call.residual.pixel(y, x)[o])
                                             : fixed16_u8(acc, o, call.epilogue);
            break;
        case OutputKind::s16:
            call.out_s16.pixel(y, x)[o] = fixed16_s16(acc, o, call.epilogue);
            break;
        case OutputKind::s32:
            call.out_s32.pixel(y, x)[o] = fixed16_s32(acc, o, call.epilogue);
            break;
    }
}

}  // namespace octet::kernels
