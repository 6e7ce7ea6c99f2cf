// A batch of pictures gives the answers of its pictures, in integers.

#include <gtest/gtest.h>

#include <map>

#include "engine/compile.h"
#include "engine/session.h"
#include "tests/quantized_graph.h"

namespace octet::engine {
namespace {

using test::QuantizedGraph;

ValueId reshaped(QuantizedGraph& b, ValueId x, const std::vector<std::int64_t>& shape) {
    return b.node("Reshape",
                  {x, b.constant(Tensor::from<std::int64_t>({static_cast<std::int64_t>(shape.size())}, shape))});
}

// A network of every kind of step over planes, for so many images.
QuantizedGraph network_for(std::int64_t images) {
    using Ints = std::vector<std::int64_t>;
    QuantizedGraph b(7);
    const auto on_grid = [&](ValueId value) { return b.quantize(value, 0.05F, 100); };
    const ValueId x = on_grid(b.input({images, 6, 12, 10}));
    const ValueId wide = on_grid(b.node("HardSwish", {b.conv(x, 6, 20, 3, 1, 0.05F, 0.004F)}));
    const ValueId sum = on_grid(b.node("Add", {wide, on_grid(b.conv(wide, 20, 20, 1, 1, 0.05F, 0.003F))}));
    const ValueId groups = on_grid(reshaped(b, sum, {images, 2, 10, 12, 10}));
    const ValueId shuffled = on_grid(b.node("Transpose", {groups}, {{"perm", Ints{0, 2, 1, 3, 4}}}));
    const ValueId joined = on_grid(
        b.node("Concat", {on_grid(reshaped(b, shuffled, {images, 20, 12, 10})), wide}, {{"axis", std::int64_t{1}}}));
    const ValueId small = on_grid(b.conv(joined, 40, 12, 3, 2, 0.05F, 0.001F));
    const ValueId mean = b.quantize(b.node("GlobalAveragePool", {small}), 1.0F / 256, 0);
    const ValueId gated = on_grid(b.node("Mul", {small, mean}));
    const ValueId scales = b.constant(Tensor::from<float>({4}, {1, 1, 2, 2}));
    for (const std::string mode : {"nearest", "linear"})
        b.output(on_grid(b.node("Resize", {gated, no_value, scales}, {{"mode", mode}})));
    b.output(on_grid(b.node("MaxPool", {gated}, {{"kernel_shape", Ints{2, 3}}, {"strides", Ints{2, 2}}})));
    const ValueId logits = b.quantize(b.conv(gated, 12, 2, 1, 1, 0.05F, 0.01F), 1.0F / 1024, 0, DType::int16);
    b.output(b.node("Sigmoid", {logits}));
    b.output(b.quantize(b.node("Flatten", {mean}), 1.0F / 256, 0));
    b.output(b.node("Softmax", {gated}));
    return b;
}

// Every tensor of a run and the outputs, "output 0" ….
std::map<std::string, Tensor> run(const Graph& graph, const Tensor& x, kernels::CpuFeatures features, bool observable) {
    const auto executable = compile(graph, {.features = features, .observable = observable});
    EXPECT_TRUE(executable.has_value()) << executable.error().message;
    auto session = Session::create(*executable, {2});
    std::map<std::string, Tensor> tensors;
    Observer observer;
    if (observable) observer.tensor = [&](const TensorInfo& info) { tensors.emplace(info.name, info.values); };
    session->set_observer(observer);
    const std::vector<Tensor> inputs = {x};
    const auto outputs = session->run(inputs);
    EXPECT_TRUE(outputs.has_value()) << outputs.error().message;
    for (std::size_t i = 0; i < outputs->size(); ++i) tensors.emplace(fmt::format("output {}", i), (*outputs)[i]);
    return tensors;
}

TEST(Batch, GivesTheAnswersOfItsImages) {
    constexpr std::int64_t images = 3;
    const QuantizedGraph several = network_for(images);
    QuantizedGraph single = network_for(1);
    const Tensor x = single.random_tensor({images, 6, 12, 10}, -4, 8);
    for (const auto features : {kernels::needs::reference, kernels::detect()}) {
        for (const bool observable : {false, true}) {
            const auto batch = run(several.graph, x, features, observable);
            for (std::int64_t i = 0; i < images; ++i) {
                const auto alone = run(single.graph, x.image(i), features, observable);
                EXPECT_EQ(alone.size(), batch.size());
                for (const auto& [name, tensor] : alone)
                    EXPECT_TRUE(identical(batch.at(name).image(i), tensor)) << name << " of image " << i;
            }
        }
    }
}

TEST(Batch, RunsOnIntegersAsItsImagesDo) {
    const auto several = compile(network_for(3).graph), single = compile(network_for(1).graph);
    ASSERT_TRUE(several.has_value());
    EXPECT_EQ((*several)->program().float_layers().size(), (*single)->program().float_layers().size());
    EXPECT_EQ((*several)->steps().size(), (*single)->steps().size());
}

TEST(Batch, IsTakenAsPixels) {
    const auto network = [](std::int64_t images) {
        QuantizedGraph b(3);
        b.output(b.conv(b.quantize(b.input({images, 3, 9, 7}), 1, 0), 3, 8, 3, 1, 1, 0.002F));
        return b;
    };
    Tensor pixels(DType::uint8, {2, 9, 7, 3});
    int next = 0;
    for (std::uint8_t& pixel : pixels.mutable_data<std::uint8_t>()) pixel = static_cast<std::uint8_t>(next += 37);
    const auto features = kernels::detect();
    const auto batch = run(network(2).graph, pixels, features, false);
    for (const std::int64_t i : {0, 1}) {
        const auto alone = run(network(1).graph, pixels.image(i), features, false);
        EXPECT_TRUE(identical(batch.at("output 0").image(i), alone.at("output 0")));
    }
}

}  // namespace
}  // namespace octet::engine
