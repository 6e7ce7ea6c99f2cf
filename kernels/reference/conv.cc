#include "kernels/conv.h"

#include <cassert>
#include <cstring>

namespace octet::kernels {

namespace {

template <typename Input>
const char* refuses(const ConvParams& p, const std::int8_t*) {
    return conv_input_bytes(p.input) == sizeof(Input) ? nullptr : "activations of another width";
}

std::size_t weight_count(const ConvParams& p, const std::int8_t*) {
    return static_cast<std::size_t>(p.cout) * p.kernel_h * p.kernel_w * (p.cin / p.groups);
}

void pack(const ConvParams& p, const std::int8_t* weights, std::byte* packed) {
    std::memcpy(packed, weights, weight_count(p, weights));
}

std::size_t scratch_bytes(const ConvCall&) {
    return 0;
}

// One unit a row of the output.
int units(const ConvCall& call) {
    return call.out_h();
}

template <typename Input>
void run(const ConvCall& call, int unit_begin, int unit_end, std::byte*) noexcept {
    const ConvParams& p = call.params;
    assert(call.in.halo >= conv_halo(p, call.in.h, call.in.w, call.out_h(), call.out_w()));
    const auto* weights = reinterpret_cast<const std::int8_t*>(call.packed);
    const int group_in = p.cin / p.groups, group_out = p.cout / p.groups;
    for (int y = unit_begin; y < unit_end; ++y) {
        for (int x = 0; x < call.out_w(); ++x) {
            const std::int8_t* w = weights;
            for (int o = 0; o < p.cout; ++o) {
                std::int32_t acc = 0;
                for (int ky = 0; ky < p.kernel_h; ++ky) {
                    for (int kx = 0; kx < p.kernel_w; ++kx, w += group_in) {
                        const int in_y = y * p.stride_h - p.pad_top + ky * p.dilation_h;
                        const int in_x = x * p.stride_w - p.pad_left + kx * p.dilation_w;
                        const std::uint8_t* bytes = call.in.pixel(in_y >> p.upsampled, in_x >> p.upsampled);
                        const auto* pixel = reinterpret_cast<const Input*>(bytes) + o / group_out * group_in;
                        for (int i = 0; i < group_in; ++i) acc += pixel[i] * w[i];
                    }
                }
                conv_store(call, y, x, o, acc);
            }
        }
    }
}

}  // namespace

extern constinit const ConvKernel conv_u8s8_reference = {
    "conv_u8s8_reference", needs::reference,
    ConvInput::u8,         refuses<std::uint8_t>,
    weight_count,          pack,
    scratch_bytes,         units,
    run<std::uint8_t>,
};
extern constinit const ConvKernel conv_s16s8_reference = {
    "conv_s16s8_reference", needs::reference,
    ConvInput::s16,         refuses<std::int16_t>,
    weight_count,           pack,
    scratch_bytes,          units,
    run<std::int16_t>,
};

}  // namespace octet::kernels
