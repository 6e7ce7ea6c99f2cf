// Prints digests of what float code computes. tests/CMakeLists.txt builds this program twice, the second time with all
// the code for a CPU that has fused multiply-add: the lines must be the same.

#include <fmt/format.h>

#include <random>

#include "engine/compile.h"
#include "engine/npu_emu/rules.h"
#include "engine/session.h"
#include "graph/ops/evaluator.h"
#include "graph/ops/infer.h"
#include "graph/quant/chip_forms.h"
#include "graph/quant/quantize_graph.h"
#include "tests/engine/random_network.h"
#include "tests/graph/quant/tiny_network.h"
#include "vision/letterbox.h"
#include "vision/pixels.h"

namespace octet::test {
namespace {

class Digest {
  public:
    void add(std::span<const std::byte> bytes) {
        for (const std::byte b : bytes) {
            hash_ = (hash_ ^ std::to_integer<std::uint64_t>(b)) * 0x100000001b3;  // FNV-1a
        }
    }
    void add(const Tensor& tensor) { add({tensor.raw(), tensor.bytes()}); }
    void add(const std::vector<Tensor>& tensors) {
        for (const Tensor& tensor : tensors) add(tensor);
    }
    void add(const vision::Image& image) { add(std::as_bytes(std::span(image.pixels))); }
    void print(const std::string& what) const { fmt::print("{} {:016x}\n", what, hash_); }

  private:
    std::uint64_t hash_ = 0xcbf29ce484222325;
};

// The operators in float, and the plan's integers, which are made from scales in float.
void print_networks() {
    for (unsigned seed = 1; seed <= 150; ++seed) {
        RandomNetwork network = random_network(seed);
        if (!infer_shapes(network.graph)) continue;
        Digest digest;
        digest.add(evaluate(network.graph, network.inputs).value());
        const auto executable = engine::compile(network.graph, {.features = kernels::needs::reference}).value();
        digest.add(engine::Session::create(executable, {.threads = 1}).value().run(network.inputs).value());
        digest.print(fmt::format("network {}", seed));
    }
}

void print_requantization() {
    namespace npu = engine::npu_emu;
    std::mt19937 random(1);
    for (int i = 0; i < npu::requant_rules; ++i) {
        const auto rule = static_cast<npu::RequantRule>(i);
        Digest digest;
        for (int j = 0; j < 2000; ++j) {
            const auto scale = std::ldexp(1.0F + static_cast<float>(random() % 65536) / 65536, -10);
            const auto r = npu::make_requantizer(rule, scale, 0.37F, 0.11F, 3, {-128, 127});
            const auto acc = static_cast<std::int32_t>(random() % 400000) - 200000;
            if (!r) continue;
            const std::int32_t y = npu::requantize(acc, *r);
            digest.add(std::as_bytes(std::span(&y, 1)));
        }
        digest.print(std::string(npu::name_of(rule)));
    }
}

void print_quantizer() {
    namespace q = quant;
    const q::Dataset pictures{
        3, [](std::int64_t i) -> Result<Tensor> { return q::testing::random_picture(static_cast<unsigned>(i)); }};
    for (const q::Recipe recipe : {q::Recipe::best, q::Recipe::reference, q::Recipe::npu}) {
        q::QuantizeOptions options;
        options.recipe = recipe;
        q::QuantModel model = q::prepare_model(q::testing::TinyNetwork().graph, options).value();
        auto calibration = q::calibrate(model.graph, q::calibrated_values(model), pictures,
                                        {.by_channel = q::calibrated_channels(model)})
                               .value();
        q::scale_heads(model, calibration);
        q::choose_grids(model, calibration, options);
        q::finish_model(model, pictures, options).value();
        const Graph quantized = q::to_qdq(model).value();
        Digest digest;
        for (std::size_t v = 0; v < quantized.value_count(); ++v) {
            if (const Tensor* constant = quantized.constant(static_cast<ValueId>(v))) digest.add(*constant);
        }
        digest.print(fmt::format("quantizer {}", q::recipe_name(recipe)));
    }
}

void print_pixels() {
    std::mt19937 random(1);
    vision::Image frame(61, 47, 3);
    for (std::uint8_t& pixel : frame.pixels) pixel = static_cast<std::uint8_t>(random());
    for (const int size : {32, 96}) {
        const vision::Letterboxed boxed = vision::letterbox(frame, size, size);
        Digest digest;
        digest.add(boxed.canvas);
        digest.add(vision::normalized_input(boxed.canvas));
        Tensor segmentation(DType::float32, {1, 2, size, size});
        for (float& v : segmentation.mutable_data<float>()) v = static_cast<float>(random() % 1000) / 1000;
        digest.add(vision::content_mask(segmentation, boxed.transform));
        digest.add(vision::frame_mask(segmentation, boxed.transform));
        digest.print(fmt::format("pixels {}", size));
    }
}

}  // namespace
}  // namespace octet::test

int main() {
    octet::test::print_networks();
    octet::test::print_requantization();
    octet::test::print_quantizer();
    octet::test::print_pixels();
    return 0;
}
