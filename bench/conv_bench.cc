// Every convolution kernel on every layer shape of layers.h, one thread.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "bench/layers.h"
#include "bench/peak.h"
#include "kernels/conv.h"
#include "kernels/make_fixed16.h"

namespace octet::bench {
namespace {

using namespace octet::kernels;  // NOLINT(google-build-using-namespace): all that these files speak of

template <typename T>
class Aligned {
  public:
    explicit Aligned(std::size_t count) : memory_(count * sizeof(T) + buffer_alignment) {
        void* p = memory_.data();
        std::size_t space = memory_.size();
        data_ = static_cast<T*>(std::align(buffer_alignment, count * sizeof(T), p, space));
    }
    T* data() const { return data_; }

  private:
    std::vector<std::byte> memory_;
    T* data_;
};

// As trained and quantized per channel: bell-shaped, the largest of a channel is 127. So the fewer weights a channel
// has, the larger they are: a root mean square of 60 for 32, of 36 for 2304, as the layers of an INT8 YOLOP have.
std::vector<std::int8_t> trained_weights(int channels, std::size_t per_channel, std::mt19937& random) {
    std::normal_distribution<double> bell(0, 1);
    std::vector<std::int8_t> weights;
    std::vector<double> channel(per_channel);
    for (int o = 0; o < channels; ++o) {
        double largest = 0;
        for (double& w : channel) {
            w = bell(random);
            largest = std::max(largest, std::abs(w));
        }
        for (const double w : channel) weights.push_back(static_cast<std::int8_t>(std::round(w * 127 / largest)));
    }
    return weights;
}

void conv_layer(benchmark::State& state, const ConvKernel& kernel, const Layer& layer) {
    const int pad = layer.kernel == 6 ? 2 : layer.kernel / 2;
    const int out_size = (layer.in_size << layer.upsampled) / layer.stride;
    ConvParams params;
    params.kernel_h = params.kernel_w = layer.kernel;
    params.stride_h = params.stride_w = layer.stride;
    params.pad_top = params.pad_left = pad;
    params.cin = layer.cin;
    params.cout = layer.cout;
    params.groups = layer.groups;
    params.upsampled = layer.upsampled;
    std::mt19937 random(1);
    const std::vector<std::int8_t> weights = trained_weights(
        layer.cout, static_cast<std::size_t>(layer.kernel * layer.kernel * layer.cin / layer.groups), random);
    if (const char* why = kernel.refuses(params, weights.data())) return state.SkipWithError(why);

    const int halo = conv_halo(params, layer.in_size, layer.in_size, out_size, out_size);
    const PlaneLayout in_layout = plane_layout(layer.in_size, layer.in_size, layer.cin, halo, 1);
    const PlaneLayout out_layout = plane_layout(out_size, out_size, layer.cout, 1, 1);
    const Aligned<std::uint8_t> in(static_cast<std::size_t>(in_layout.elements)),
        out(static_cast<std::size_t>(out_layout.elements));
    for (std::int64_t i = 0; i < in_layout.elements; ++i) in.data()[i] = static_cast<std::uint8_t>(random());

    const std::vector<double> scales(static_cast<std::size_t>(layer.cout), 1e-4);
    Fixed16Spec spec{.acc_scale = scales, .out_scale = 0.03, .out_zero_point = 13};
    spec.activation = layer.hardswish ? Activation::hardswish : Activation::none;
    const Fixed16Storage epilogue = make_fixed16(spec).value();

    const Aligned<std::byte> packed(kernel.packed_bytes(params, weights.data()));
    kernel.pack(params, weights.data(), packed.data());
    ConvCall call{.params = params, .packed = packed.data(), .in = view_of(in.data(), in_layout).as_const()};
    call.epilogue = epilogue.view();
    call.out_u8 = view_of(out.data(), out_layout);
    const Aligned<std::byte> scratch(kernel.scratch_bytes(call));
    const int units = kernel.units(call);
    for (auto _ : state) {
        kernel.run(call, 0, units, scratch.data());
        benchmark::ClobberMemory();
    }
    const double macs = static_cast<double>(weights.size()) * out_size * out_size;
    const double passes = static_cast<double>(state.iterations());
    state.counters["GMAC/s"] = benchmark::Counter(macs * passes * 1e-9, benchmark::Counter::kIsRate);
    if (const double peak = int8_peak_gmacs(kernel.needs); peak > 0) {
        state.counters["of_peak"] = benchmark::Counter(macs * passes * 1e-9 / peak, benchmark::Counter::kIsRate);
    }
    state.counters["count"] = layer.count;
}

const int registered = [] {
    for (const ConvKernel* kernel : conv_kernels()) {
        if (!runs(kernel->needs)) continue;
        std::vector<const Layer*> layers;
        for (const Layer& layer : yolop_layers) layers.push_back(&layer);
        for (const Layer& layer : grouped_layers) layers.push_back(&layer);
        for (const Layer* shape : layers) {
            const Layer& layer = *shape;
            const std::string name = std::string(kernel->name) + "/" + std::to_string(layer.kernel) + "x" +
                                     std::to_string(layer.kernel) + "s" + std::to_string(layer.stride) + "_" +
                                     std::to_string(layer.cin) + "to" + std::to_string(layer.cout) + "_" +
                                     std::to_string(layer.in_size) + (layer.upsampled ? "_upsampled" : "") +
                                     (layer.groups > 1 ? "_groups" + std::to_string(layer.groups) : "") +
                                     (layer.hardswish ? "_hardswish" : "");
            benchmark::RegisterBenchmark(name.c_str(), [kernel, &layer](benchmark::State& state) {
                conv_layer(state, *kernel, layer);
            })->Unit(benchmark::kMicrosecond);
        }
    }
    return 0;
}();

}  // namespace
}  // namespace octet::bench
