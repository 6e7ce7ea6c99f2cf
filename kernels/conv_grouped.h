#pragma once

// Grouped convolution as a dense one for each group, on channel slices of the planes.
//
//     packed: [byte offset of each group's weights, int64] [weights of each group, aligned to buffer_alignment]
//
// Kernel: the dense convolution, a class for conv_kernel() (conv.h). It may read beyond a group's channels, where its
// weights are zero. Everything is in an unnamed namespace on purpose: each instruction set's file compiles a private copy.

#include "kernels/conv_direct.h"

namespace octet::kernels {
namespace {

template <typename Kernel>
struct Grouped {
    static constexpr ConvInput input = Kernel::input;

    static ConvParams of_group(ConvParams p) {
        p.cin /= p.groups;
        p.cout /= p.groups;
        p.groups = 1;
        return p;
    }
    static std::int64_t group_weights(const ConvParams& p) {
        return std::int64_t{p.cout} * p.kernel_h * p.kernel_w * p.cin;
    }
    static std::int64_t index_bytes(int groups) {
        return conv_round_up(std::int64_t{groups} * static_cast<std::int64_t>(sizeof(std::int64_t)), buffer_alignment);
    }

    static const char* refuses(const ConvParams& p, const std::int8_t* weights) {
        if (p.groups == 1) return "not grouped";
        if (p.adds_partial) return "partial sums";
        if (p.upsampled) return "upsampled";
        const ConvParams group = of_group(p);
        for (int g = 0; g < p.groups; ++g) {
            if (const char* why = Kernel::refuses(group, weights + g * group_weights(group))) return why;
        }
        return nullptr;
    }

    static std::size_t packed_bytes(const ConvParams& p, const std::int8_t* weights) {
        const ConvParams group = of_group(p);
        std::int64_t bytes = index_bytes(p.groups);
        for (int g = 0; g < p.groups; ++g) bytes += packed_group(group, weights + g * group_weights(group));
        return static_cast<std::size_t>(bytes);
    }

    static void pack(const ConvParams& p, const std::int8_t* weights, std::byte* packed) {
        const ConvParams group = of_group(p);
        auto* index = reinterpret_cast<std::int64_t*>(packed);
        std::int64_t offset = index_bytes(p.groups);
        for (int g = 0; g < p.groups; ++g, weights += group_weights(group)) {
            index[g] = offset;
            Kernel::pack(group, weights, packed + offset);
            offset += packed_group(group, weights);
        }
    }

    static std::size_t scratch_bytes(const ConvCall& call) { return Kernel::scratch_bytes(of_group(call, 0)); }
    static int units(const ConvCall& call) { return call.params.groups * Kernel::units(of_group(call, 0)); }

    static void run(const ConvCall& call, int unit_begin, int unit_end, std::byte* scratch) noexcept {
        const int each = Kernel::units(of_group(call, 0));
        for (int unit = unit_begin; unit < unit_end;) {
            const int group = unit / each, first = group * each;
            const int end = unit_end < first + each ? unit_end : first + each;
            Kernel::run(of_group(call, group), unit - first, end - first, scratch);
            unit = end;
        }
    }

  private:
    static std::int64_t packed_group(const ConvParams& group, const std::int8_t* weights) {
        return conv_round_up(static_cast<std::int64_t>(Kernel::packed_bytes(group, weights)), buffer_alignment);
    }

    template <typename T>
    static TensorView<T> slice(TensorView<T> view, int first, int channels) {
        if (view.data) view.data += first;
        view.c = channels;
        return view;
    }

    // The packed weights are looked up only where there are any: units and scratch are asked for before.
    static ConvCall of_group(const ConvCall& call, int g) {
        ConvCall group = call;
        group.params = of_group(call.params);
        const int cin = group.params.cin * conv_input_bytes(input), cout = group.params.cout, first = g * cout;
        if (call.packed) group.packed = call.packed + reinterpret_cast<const std::int64_t*>(call.packed)[g];
        group.in = slice(call.in, g * cin, cin);
        group.out_u8 = slice(call.out_u8, first, cout);
        group.out_s16 = slice(call.out_s16, first, cout);
        group.out_s32 = slice(call.out_s32, first, cout);
        group.residual = slice(call.residual, first, cout);
        Fixed16& e = group.epilogue;
        e.bias += first;
        e.shift += first;
        e.mult += first;
        if (e.channel_alpha) e.channel_alpha += first;
        e.channels = cout;
        return group;
    }
};

}  // namespace
}  // namespace octet::kernels
