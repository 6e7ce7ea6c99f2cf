// Every implementation of the elementwise families and of the float GEMM, on YOLOP's shapes, one thread.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "bench/peak.h"
#include "kernels/add.h"
#include "kernels/avgpool.h"
#include "kernels/batchnorm.h"
#include "kernels/concat.h"
#include "kernels/dequantize.h"
#include "kernels/detect_decode.h"
#include "kernels/gemm_f32.h"
#include "kernels/lut.h"
#include "kernels/make_fixed16.h"
#include "kernels/masks.h"
#include "kernels/maxpool.h"
#include "kernels/move.h"
#include "kernels/mul.h"
#include "kernels/normalize.h"
#include "kernels/quantize.h"
#include "kernels/resize_linear.h"
#include "kernels/resize_nearest.h"
#include "kernels/sigmoid.h"

namespace octet::bench {
namespace {

using namespace octet::kernels;  // NOLINT(google-build-using-namespace): all that these files speak of

template <typename T>
struct Plane {
    PlaneLayout layout;
    std::vector<T> memory;
    TensorView<T> view;

    Plane(int h, int w, int c)
        : layout(plane_layout(h, w, c, 0, sizeof(T))), memory(static_cast<std::size_t>(layout.elements)) {
        std::mt19937 random(1);
        for (T& x : memory) x = static_cast<T>(random());
        view = view_of(memory.data(), layout);
    }
};

// One benchmark for each available entry of a list; run(entry, state) measures, bytes: read and written a pass.
template <typename Function, typename Run>
void add_family(KernelList<Function> list, const std::string& shape, Run run) {
    for (const auto& entry : list) {
        if (!runs(entry.needs)) continue;
        benchmark::RegisterBenchmark((std::string(entry.name) + "/" + shape).c_str(), [entry,
                                                                                       run](benchmark::State& state) {
            run(entry, state);
        })->Unit(benchmark::kMicrosecond);
    }
}

template <typename Pass>
void measure(benchmark::State& state, double bytes, Pass pass) {
    for (auto _ : state) {
        pass();
        benchmark::ClobberMemory();
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(bytes * static_cast<double>(state.iterations())));
}

template <typename Function, typename Call>
void measure(benchmark::State& state, const KernelEntry<Function>& entry, const Call& call, int rows, double bytes) {
    measure(state, bytes, [&] { entry.run(call, 0, rows); });
}

void register_u8_families() {
    add_family(add_kernels(), "64x160x160", [](const auto& entry, benchmark::State& state) {
        const Plane<std::uint8_t> a(160, 160, 64), b(160, 160, 64), out(160, 160, 64);
        const AddParams params =
            make_add({DType::uint8, 0.02F, 3}, {DType::uint8, 0.03F, 9}, {DType::uint8, 0.04F, 5}).value();
        measure(state, entry, AddCall{a.view.as_const(), b.view.as_const(), params, out.view}, 160,
                3.0 * 160 * 160 * 64);
    });
    add_family(mul_kernels(), "96x56x56_by_a_gate", [](const auto& entry, benchmark::State& state) {
        const Plane<std::uint8_t> a(56, 56, 96), gate(1, 1, 96), out(56, 56, 96);
        const MulParams params =
            make_mul({DType::uint8, 0.02F, 3}, {DType::uint8, 1.0F / 256, 0}, {DType::uint8, 0.02F, 5}).value();
        measure(state, entry, MulCall{a.view.as_const(), gate.view.as_const(), params, out.view}, 56,
                2.0 * 56 * 56 * 96);
    });
    add_family(concat_kernels(), "64x160x160", [](const auto& entry, benchmark::State& state) {
        const Plane<std::uint8_t> in(160, 160, 64), out(160, 160, 128);
        const RequantizeCopyParams params =
            make_requantize_copy({DType::uint8, 0.02F, 3}, {DType::uint8, 0.03F, 9}).value();
        const U8View slice = view_of(const_cast<std::uint8_t*>(out.memory.data()), out.layout, 64, 64);
        measure(state, entry, ConcatCall{in.view.as_const(), params, slice}, 160, 2.0 * 160 * 160 * 64);
    });
    add_family(batchnorm_kernels(), "64x160x160_leaky", [](const auto& entry, benchmark::State& state) {
        const Plane<std::uint8_t> in(160, 160, 64), out(160, 160, 64);
        const std::vector<std::int16_t> weights(128, 97);
        const std::vector<double> scales(64, 1e-3);
        Fixed16Spec spec;
        spec.acc_scale = scales;
        spec.activation = Activation::leaky;
        spec.alpha = 0.1;
        spec.out_scale = 0.1;
        spec.out_zero_point = 20;
        const Fixed16Storage epilogue = make_fixed16(spec).value();
        const BatchNormCall call{in.view.as_const(), weights.data(), epilogue.view(), out.view};
        measure(state, entry, call, 160, 2.0 * 160 * 160 * 64);
    });
    add_family(maxpool_kernels(), "5x5s1_256x20x20", [](const auto& entry, benchmark::State& state) {
        const Plane<std::uint8_t> in(20, 20, 256), out(20, 20, 256);
        measure(state, entry, MaxPoolCall{5, 5, 1, 1, 2, 2, in.view.as_const(), out.view}, 20, 2.0 * 20 * 20 * 256);
    });
    add_family(move_kernels(), "shuffle_of_2_groups_116x28x28", [](const auto& entry, benchmark::State& state) {
        const Plane<std::uint8_t> in(28, 28, 116), out(28, 28, 116);
        std::vector<std::int32_t> row, column, channel;
        for (int i = 0; i < 28; ++i) {
            row.push_back(static_cast<std::int32_t>(i * in.view.row_stride));
            column.push_back(static_cast<std::int32_t>(i * in.view.pixel_stride));
        }
        for (int c = 0; c < 116; ++c) channel.push_back(c % 2 * 58 + c / 2);
        const MoveBlocks blocks = make_move_blocks(channel, 0);
        measure(state, entry,
                MoveCall{row.data(), column.data(), channel.data(), nullptr, blocks.blocks.data(), blocks.parts.data(),
                         0, in.view.as_const(), out.view},
                28, 2.0 * 28 * 28 * 116);
    });
    for (const bool global : {true, false}) {
        add_family(avgpool_kernels(), global ? "28x28_of_256" : "2x2s2_256x28x28",
                   [global](const auto& entry, benchmark::State& state) {
                       const int size = global ? 1 : 14;
                       const Plane<std::uint8_t> in(28, 28, 256), out(size, size, 256);
                       AvgPoolCall call;
                       call.kernel_h = call.kernel_w = global ? 28 : 2;
                       call.stride_h = call.stride_w = global ? 1 : 2;
                       call.params = make_avgpool({DType::uint8, 0.02F, 3}, {DType::uint8, 0.01F, 5}).value();
                       call.in = in.view.as_const(), call.out = out.view;
                       measure(state, entry, call, size, 256.0 * (28 * 28 + size * size));
                   });
    }
    add_family(resize_nearest_kernels(), "32x160x160_to_320", [](const auto& entry, benchmark::State& state) {
        const Plane<std::uint8_t> in(160, 160, 32), out(320, 320, 32);
        std::vector<std::int32_t> source(320);
        for (int i = 0; i < 320; ++i) source[static_cast<std::size_t>(i)] = i / 2;
        const ResizeNearestCall call{source.data(), source.data(), in.view.as_const(), out.view};
        measure(state, entry, call, 320, 1.25 * 320 * 320 * 32);
    });
    add_family(resize_linear_kernels(), "32x160x160_to_320", [](const auto& entry, benchmark::State& state) {
        const Plane<std::uint8_t> in(160, 160, 32), out(320, 320, 32);
        std::vector<LinearTap> taps;
        for (int i = 0; i < 320; ++i) {
            const int first = std::max(i - 1, 0) / 2;
            taps.push_back({first, std::min(first + 1, 159), (i % 2 == 0 ? 3 : 1) << (resize_weight_bits - 2)});
        }
        const ResizeLinearCall call{taps.data(), taps.data(), 0, in.view.as_const(), out.view};
        measure(state, entry, call, 320, 1.25 * 320 * 320 * 32);
    });
    add_family(lut_kernels(), "64x160x160", [](const auto& entry, benchmark::State& state) {
        const Plane<std::uint8_t> in(160, 160, 64), out(160, 160, 64);
        std::vector<std::uint8_t> table(256);
        for (std::size_t i = 0; i < 256; ++i) table[i] = static_cast<std::uint8_t>(255 - i);
        measure(state, entry, LutCall{table.data(), in.view.as_const(), out.view}, 160, 2.0 * 160 * 160 * 64);
    });
}

void register_borders() {
    add_family(quantize_kernels(), "3x640x640", [](const auto& entry, benchmark::State& state) {
        const std::vector<float> in(3 * 640 * 640, 0.7F);
        const Plane<std::uint8_t> out(640, 640, 3);
        measure(state, entry, QuantizeCall{in.data(), 0.017F, 114, out.view}, 640, 5.0 * 3 * 640 * 640);
    });
    add_family(pixels_kernels(), "3x640x640", [](const auto& entry, benchmark::State& state) {
        const std::vector<std::uint8_t> in(3 * 640 * 640, 7);
        const Plane<std::uint8_t> out(640, 640, 3);
        measure(state, entry, PixelsCall{in.data(), 3 * 640, out.view}, 640, 2.0 * 3 * 640 * 640);
    });
    add_family(dequantize_kernels(), "2x640x640_u16", [](const auto& entry, benchmark::State& state) {
        const Plane<std::uint16_t> in(640, 640, 2);
        std::vector<float> out(2 * 640 * 640);
        DequantizeCall call;
        call.in_u16 = in.view.as_const();
        call.scale = 1.0F / 65536;
        call.out = out.data();
        measure(state, entry, call, 640, 6.0 * 2 * 640 * 640);
    });
    add_family(sigmoid_kernels(), "2x640x640", [](const auto& entry, benchmark::State& state) {
        const Plane<std::int16_t> in(640, 640, 2);
        std::vector<float> floats(sigmoid_floats), out(2 * 640 * 640);
        make_sigmoid_floats(11, floats.data());
        // Two flat regions with a soft border between them, and noise.
        std::mt19937 random(1);
        std::normal_distribution<double> noise(0, 300);
        for (int y = 0; y < 640; ++y) {
            for (int x = 0; x < 640; ++x) {
                for (int c = 0; c < 2; ++c) {
                    const double logit = (c ? 1 : -1) * std::clamp((x - y) * 60.0, -9000.0, 9000.0) + noise(random);
                    in.view.pixel(y, x)[c] = static_cast<std::int16_t>(logit);
                }
            }
        }
        measure(state, entry, SigmoidCall{in.view.as_const(), 11, floats.data(), out.data()}, 640, 8.0 * 2 * 640 * 640);
    });
    add_family(detect_decode_kernels(), "18x80x80", [](const auto& entry, benchmark::State& state) {
        const Plane<std::int16_t> logits(80, 80, 18);
        std::vector<std::int32_t> out(80 * 80 * 18);
        DetectDecodeCall call;
        call.logits = logits.view.as_const();
        call.f = 11;
        call.anchor_w[0] = call.anchor_h[1] = call.anchor_w[2] = 5 * 1024;
        call.out = out.data();
        measure(state, entry, call, 80, 6.0 * 80 * 80 * 18);
    });
}

void register_pictures() {
    add_family(normalize_kernels(), "3x640x640", [](const auto& entry, benchmark::State& state) {
        constexpr int count = 640 * 640;
        std::mt19937 random(1);
        std::vector<std::uint8_t> in(3 * count);
        for (std::uint8_t& x : in) x = static_cast<std::uint8_t>(random());
        std::vector<float> tables(3 * normalize_entries), out(in.size());
        for (int c = 0; c < 3; ++c) make_normalize_table(0.485F, 0.229F, &tables[c * normalize_entries]);
        const NormalizeCall call{in.data(), tables.data(), out.data(), count};
        measure(state, 5.0 * 3 * count, [&] { entry.run(call); });
    });
    add_family(argmax_kernels(), "640x640", [](const auto& entry, benchmark::State& state) {
        constexpr int count = 640 * 640;
        const std::vector<float> background(count, 0.5F), foreground(count, 0.25F);
        std::vector<std::uint8_t> mask(count);
        const ArgmaxCall call{background.data(), foreground.data(), mask.data(), count};
        measure(state, 9.0 * count, [&] { entry.run(call); });
    });
    add_family(blend_margin_kernels(), "640x640", [](const auto& entry, benchmark::State& state) {
        constexpr int count = 640 * 640;
        const std::vector<float> background(count, 0.5F), foreground(count, 0.25F);
        std::vector<float> out(count);
        const BlendMarginCall::Row row{background.data(), foreground.data()};
        const BlendMarginCall call{row, row, 0.3F, out.data(), count};
        measure(state, 20.0 * count, [&] { entry.run(call); });
    });
}

void register_gemm() {
    // A 3x3 convolution by im2col: 128 -> 128 channels at 40x40.
    add_family(gemm_f32_kernels(), "128x1600x1152", [](const auto& entry, benchmark::State& state) {
        constexpr int m = 128, n = 1600, k = 1152;
        const std::vector<float> a(static_cast<std::size_t>(m) * k, 0.5F), b(static_cast<std::size_t>(k) * n, 0.25F);
        std::vector<float> c(static_cast<std::size_t>(m) * n), scratch(gemm_f32_scratch_floats + 16);
        auto* aligned = reinterpret_cast<float*>((reinterpret_cast<std::uintptr_t>(scratch.data()) + 63) / 64 * 64);
        const GemmF32Call call{m, n, k, a.data(), k, b.data(), n, c.data(), n, false};
        for (auto _ : state) {
            entry.run(call, aligned);
            benchmark::ClobberMemory();
        }
        const double gmacs = 1e-9 * m * n * k * static_cast<double>(state.iterations());
        state.counters["GMAC/s"] = benchmark::Counter(gmacs, benchmark::Counter::kIsRate);
        if (const double peak = f32_peak_gmacs(entry.needs); peak > 0) {
            state.counters["of_peak"] = benchmark::Counter(gmacs / peak, benchmark::Counter::kIsRate);
        }
    });
}

const int registered = [] {
    register_u8_families();
    register_borders();
    register_pictures();
    register_gemm();
    return 0;
}();

}  // namespace
}  // namespace octet::bench
