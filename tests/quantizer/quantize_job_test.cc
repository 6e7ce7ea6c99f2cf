// What octet-quantize says about the file that it writes.

#include "quantizer/quantize_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "frontends/load.h"
#include "frontends/onnx/exporter.h"
#include "graph/ops/infer.h"
#include "tests/program.h"
#include "tests/quantizer/random_pictures.h"
#include "vision/image.h"
#include "yolop/yolop.h"

namespace octet::quantizer {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t size = 16;

class NetworkBuilder {
  public:
    Graph graph;

    explicit NetworkBuilder(std::int64_t batch = 1) {
        last_ = graph.add_input("images", DType::float32, {batch, 3, size, size});
    }

    ValueId last() const { return last_; }
    ValueId node(const std::string& op, std::vector<ValueId> inputs, Attributes attributes = {}) {
        const std::string name = fmt::format("{}_{}", op, ++count_);
        last_ =
            graph.node(graph.add_node(op, name, std::move(inputs), {name + "_out"}, std::move(attributes))).outputs[0];
        return last_;
    }
    ValueId constant(Shape shape, const std::vector<float>& values) {
        return graph.add_constant(fmt::format("c_{}", ++count_), Tensor::from<float>(std::move(shape), values));
    }
    // 3×3 over the last value, its bias 1 and more; `dead`: a channel whose weights are so much smaller.
    ValueId conv(std::int64_t from, std::int64_t to, std::optional<float> dead = std::nullopt) {
        std::normal_distribution<float> normal(0, 1 / std::sqrt(static_cast<float>(from * 9)));
        std::vector<float> weights(static_cast<std::size_t>(to * from * 9)), bias;
        for (float& w : weights) w = normal(random_);
        for (std::int64_t c = 0; c < to; ++c) bias.push_back(1 + static_cast<float>(c) / 4);
        for (std::size_t k = 0; dead && k < static_cast<std::size_t>(from * 9); ++k) weights[k] *= *dead;
        return node("Conv", {last_, constant({to, from, 3, 3}, weights), constant({to}, bias)},
                    {{"pads", std::vector<std::int64_t>{1, 1, 1, 1}}});
    }
    void save(const std::string& path) {
        graph.outputs = {last_};
        ASSERT_TRUE(infer_shapes(graph));
        const auto saved = onnx::save(graph, path);
        ASSERT_TRUE(saved) << saved.error().message;
    }

  private:
    ValueId last_ = no_value;
    int count_ = 0;
    std::mt19937 random_{3};
};

class QuantizeJobs : public testing::Test {
  protected:
    void SetUp() override { save_random_pictures(images_, 3, 20, 12); }

    QuantizeOutcome quantize(quant::QuantizeOptions options = {}, const WidthGoal& widths = {}) {
        QuantizeJob job;
        job.widths = widths;
        job.model = model_;
        job.images = images_;
        job.output = int8_;
        job.threads = 1;
        job.options = std::move(options);
        auto outcome = run_quantize_job(job, [](auto, auto, auto) {});
        EXPECT_TRUE(outcome) << (outcome ? "" : outcome.error().message);
        return outcome ? std::move(*outcome) : QuantizeOutcome();
    }

    const TemporaryFolder folder_;
    const std::string model_ = folder_ / "net.onnx", int8_ = folder_ / "int8.onnx", images_ = folder_ / "set";
};

TEST_F(QuantizeJobs, TheOutputsAreThoseOfTheWrittenFile) {
    NetworkBuilder network;
    network.conv(3, 8);
    network.node("Relu", {network.last()});
    network.conv(8, 4);
    network.save(model_);
    const QuantizeOutcome outcome = quantize();
    ASSERT_EQ(outcome.outputs.size(), 1U);
    EXPECT_EQ(outcome.measured_images, 3);

    auto from = engine::Session::create(load_executable(model_).value()).value();
    auto to = engine::Session::create(load_executable(int8_).value()).value();
    const quant::Dataset dataset = image_dataset(outcome.images.paths, {1, 3, size, size}, vision::Preprocessing{});
    quant::Fidelity expected;
    for (std::int64_t i = 0; i < dataset.size; ++i) {
        const Tensor image = dataset.load(i).value();
        const Tensor a = from.run({&image, 1}).value()[0], b = to.run({&image, 1}).value()[0];
        expected.add(a.data<float>(), b.data<float>());
    }
    EXPECT_GT(expected.sqnr_db(), 30);
    EXPECT_NEAR(outcome.outputs[0].whole.sqnr_db(), expected.sqnr_db(), 0.01);
    quant::Fidelity sum;
    for (const quant::Fidelity& channel : outcome.outputs[0].channels) sum.merge(channel);
    EXPECT_EQ(outcome.outputs[0].channels.size(), 4U);
    EXPECT_NEAR(sum.sqnr_db(), expected.sqnr_db(), 0.01);

    // So are the layers: the last one is the output, beside the model with pixels as its input, whose padding is rounded.
    ASSERT_FALSE(outcome.layers.empty());
    for (const LayerError& one : outcome.layers) EXPECT_TRUE(one.accumulated) << one.layer.node;
    const LayerError& last = outcome.layers.back();
    ASSERT_TRUE(last.accumulated);
    EXPECT_EQ(outcome.model.graph.value(last.layer.value).name, outcome.outputs[0].name);
    EXPECT_NEAR(last.accumulated->sqnr_db(), expected.sqnr_db(), 0.5);

    const auto said = run_program_text(fmt::format("octet-quantize {} {} -o {}", model_, images_, int8_));
    EXPECT_THAT(said.out, HasSubstr("on 3 images that were calibrated on"));
    EXPECT_THAT(said.out, HasSubstr(fmt::format(" {:.1f} ", expected.sqnr_db())));
    EXPECT_THAT(said.err, Not(HasSubstr("warning")));
}

// Pointwise convolutions, by 12 up in channel 0 and as much down again: each layer alone is near enough, but one
// channel's range drowns the others, which the next weights multiply up.
void save_drowning_network(const std::string& activation, const std::string& path) {
    NetworkBuilder network;
    std::mt19937 random(9);
    std::normal_distribution<float> normal(0, 0.5F);
    std::vector<float> up, down;
    for (int c = 0; c < 8; ++c) {
        for (int i = 0; i < 3; ++i) up.push_back(normal(random) * (c == 0 ? 12 : 1));
    }
    for (int o = 0; o < 8; ++o) {
        for (int i = 0; i < 8; ++i) down.push_back(normal(random) / (i == 0 ? 12.0F : 1.0F));
    }
    network.node(activation, {network.node("Conv", {network.last(), network.constant({8, 3, 1, 1}, up)})});
    network.node("Relu", {network.node("Conv", {network.last(), network.constant({8, 8, 1, 1}, down)})});
    network.conv(8, 4);
    network.save(path);
}

TEST_F(QuantizeJobs, ChannelsOfUnequalRangeGetGains) {
    const WidthGoal all_in_8_bits{.target_db = 0};
    for (const char* activation : {"Relu", "LeakyRelu"}) {
        save_drowning_network(activation, model_);
        const QuantizeOutcome outcome = quantize({.int16_below_db = 0}, all_in_8_bits);
        EXPECT_EQ(outcome.equalization.nodes.size(), 1U) << activation;
        EXPECT_GT(outcome.outputs.at(0).whole.sqnr_db(), outcome.plain_outputs.at(0).whole.sqnr_db()) << activation;
        EXPECT_GT(outcome.outputs.at(0).whole.sqnr_db(), 45) << activation;
    }
    const auto said = run_program_text(fmt::format("octet-quantize {} {} -o {}", model_, images_, int8_));
    EXPECT_THAT(said.out, HasSubstr("layers with gains for channels of unequal range: LeakyRelu_3"));
}

// HardSwish takes no gains.
TEST_F(QuantizeJobs, TensorsWhoseLossReachesTheOutputsGetSixteenBits) {
    save_drowning_network("HardSwish", model_);
    const quant::QuantizeOptions options{.int16_below_db = 0};
    const double narrow = quantize(options, {.target_db = 0}).outputs.at(0).whole.sqnr_db();

    const QuantizeOutcome wide = quantize(options, {.target_db = 50, .max_slowdown = 3});
    ASSERT_TRUE(wide.widths);
    EXPECT_FALSE(wide.widths->widened.empty());
    EXPECT_EQ(wide.int16_layers.size(), wide.widths->widened.size());
    EXPECT_GT(wide.widths->after_db, wide.widths->before_db + 6);
    EXPECT_GT(wide.outputs.at(0).whole.sqnr_db(), narrow + 6);
    EXPECT_GT(wide.widths->slowdown, 1);
    EXPECT_TRUE(wide.executable->program().float_layers().empty());

    // Nothing is free: neither is anything widened when nothing may be slower.
    const QuantizeOutcome bound = quantize(options, {.target_db = 50, .max_slowdown = 1});
    EXPECT_TRUE(bound.widths->widened.empty());
    EXPECT_EQ(bound.widths->after_db, bound.widths->before_db);
    // Nor what is near enough.
    EXPECT_TRUE(quantize(options, {.target_db = 5}).widths->widened.empty());
}

TEST_F(QuantizeJobs, BatchesAreFilledWithPictures) {
    NetworkBuilder network(2);
    network.conv(3, 8);
    network.node("Relu", {network.last()});
    network.conv(8, 4);
    network.save(model_);
    const QuantizeOutcome outcome = quantize();
    EXPECT_EQ(outcome.measured_images, 2);  // the third picture fills no batch
    EXPECT_GT(outcome.outputs.at(0).whole.sqnr_db(), 30);
    EXPECT_TRUE(outcome.executable->program().float_seams().empty());

    NetworkBuilder large(5);
    large.conv(3, 4);
    large.save(model_);
    EXPECT_GT(quantize().outputs.at(0).whole.sqnr_db(), 30);
}

// Channels whose weights are next to nothing are ordinary in trained networks; what they add is their bias.
TEST_F(QuantizeJobs, ADeadChannelKeepsItsBias) {
    for (const float dead : {1e-4F, 1e-6F, 1e-9F, 1e-30F, 0.0F}) {
        for (const bool wide : {false, true}) {
            SCOPED_TRACE(fmt::format("weights times {}, {} bits between the convolutions", dead, wide ? 16 : 8));
            NetworkBuilder network;
            network.conv(3, 8, dead);
            const ValueId between = network.node("Relu", {network.last()});
            network.conv(8, 8, dead);
            network.node("Relu", {network.last()});
            network.save(model_);
            quant::QuantizeOptions options;
            if (wide) options.keep_int16.insert(network.graph.node(network.graph.producer(between)).name);
            const QuantizeOutcome outcome = quantize(options);
            ASSERT_EQ(outcome.outputs.size(), 1U);
            EXPECT_GT(outcome.outputs[0].whole.sqnr_db(), 35);
            EXPECT_GT(outcome.outputs[0].channels[0].sqnr_db(), 35);
            EXPECT_EQ(outcome.executable->program().float_seams(), std::vector<std::string>{});
        }
    }
}

// Coordinates outweigh the scores in one tensor: its SQNR alone would not show that all scores became 0.
TEST_F(QuantizeJobs, PreprocessingIsWhatTheModelStates) {
    NetworkBuilder network;
    network.conv(3, 4);
    network.graph.metadata = {{"octet.preprocess.mean", "0.5,0.4,0.3"}, {"octet.preprocess.std", "0.25,0.5,1"}};
    network.save(model_);
    const QuantizeOutcome outcome = quantize();
    const vision::Preprocessing stated{{{0.5F, 0.4F, 0.3F}, {0.25F, 0.5F, 1}}};
    EXPECT_EQ(outcome.preprocessing, stated);
    EXPECT_GT(outcome.outputs.at(0).whole.sqnr_db(), 30);
    EXPECT_EQ(vision::stated_preprocessing(outcome.executable->program().metadata).value(), stated);

    const std::string line = fmt::format("octet-quantize {} {} -o {} ", model_, images_, int8_);
    EXPECT_EQ(run_program_text(line + "--mean 0.5 0.4 0.3 --std 0.25 0.5 1").exit_code, 0);
    for (const char* other : {"--mean 0.5 0.4 0.3", "--no-normalization"}) {
        const auto refused = run_program_text(line + other);
        EXPECT_EQ(refused.exit_code, 2) << other;
        EXPECT_THAT(refused.err, HasSubstr("its metadata states mean 0.5,0.4,0.3 std 0.25,0.5,1"));
    }
    EXPECT_EQ(run_program_text(line + "--no-normalization --mean 0 0 0").exit_code, 2);
}

TEST_F(QuantizeJobs, LostChannelsAreNamed) {
    NetworkBuilder network;
    const ValueId features = network.node("Relu", {network.conv(3, 8)});
    network.conv(8, 4);
    const ValueId boxes = network.node("Mul", {network.last(), network.constant({1}, {300})});
    const ValueId scores = network.node("Sigmoid", {network.node("Sub", {features, network.constant({1}, {7})})});
    network.node("Concat", {boxes, scores}, {{"axis", std::int64_t{1}}});
    network.save(model_);
    const std::string command = fmt::format("octet-quantize {} {} -o {} --recipe ", model_, images_, int8_);
    const auto best = run_program_text(command + "best");
    EXPECT_EQ(best.exit_code, 0) << best.err;
    EXPECT_THAT(best.err, Not(HasSubstr("warning")));
    const auto reference = run_program_text(command + "reference");
    EXPECT_EQ(reference.exit_code, 0) << reference.err;
    EXPECT_THAT(reference.err, HasSubstr("warning: output 'Concat_"));
    EXPECT_THAT(reference.err, HasSubstr("8 of its 12 channels are lost, with an SQNR below 3 dB: 4, 5, 6"));
}

TEST(OutputFidelity, ChannelsLieAlongTheAxisOfQuantities) {
    EXPECT_EQ(channel_axis({1, 10}), 1U);
    EXPECT_EQ(channel_axis({1, 2, 640, 640}), 1U);
    EXPECT_EQ(channel_axis({1, 25200, 6}), 2U);
    EXPECT_EQ(channel_axis({1, 84, 8400}), 1U);
    EXPECT_EQ(channel_axis({10}), std::nullopt);
    EXPECT_EQ(channel_axis({}), std::nullopt);
}

}  // namespace
}  // namespace octet::quantizer
