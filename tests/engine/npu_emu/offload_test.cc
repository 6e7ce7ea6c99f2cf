// What a profile's hardware takes: limits, partitions, borders, memory.

#include "engine/npu_emu/offload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>

#include "base/file.h"
#include "engine/compile.h"
#include "engine/npu_emu/backend.h"
#include "engine/npu_emu/rewrite.h"
#include "frontends/onnx/importer.h"
#include "graph/ops/infer.h"
#include "tests/engine/random_network.h"
#include "tests/quantized_graph.h"
#include "tests/test_files.h"

namespace octet::engine::npu_emu {
namespace {

using test::QuantizedGraph;
using testing::HasSubstr;
using Integers = std::vector<std::int64_t>;

constexpr float scale = 0.05F;
const std::string truth = source_folder + "/data/truth";

struct Planned {
    Program program;  // rewritten
    Offload offload;
};

Planned plan(Graph graph, const Profile& profile) {
    const auto features = kernels::choose_features().value();
    EXPECT_TRUE(infer_shapes(graph));
    auto program = to_program(std::move(graph), NpuBackend(profile, features));
    if (!program) {
        ADD_FAILURE() << program.error().message;
        return {};
    }
    Planned planned{*program, plan_offload(*program, profile, features)};
    rewrite(planned.program, profile);
    return planned;
}

Offload offload_to(const Graph& graph, const std::string& profile) {
    return plan(graph, load_profile(profile).value()).offload;
}

Profile profile_with(const std::string& lines) {
    return parse_profile(R"({"name": "chip", "extends": "tflite-double", )" + lines + "}", "chip.json").value();
}

const OffloadNode* find(const Offload& offload, const std::string& name) {
    const auto found = std::find_if(offload.nodes.begin(), offload.nodes.end(),
                                    [&](const OffloadNode& node) { return node.name == name; });
    return found == offload.nodes.end() ? nullptr : &*found;
}

std::set<std::string> refused(const Offload& offload) {
    std::set<std::string> names;
    for (const OffloadNode& node : offload.nodes) {
        if (node.place == OffloadPlace::cpu) names.insert(node.name);
    }
    return names;
}

// One operator between integers.
class OneOperator {
  public:
    explicit OneOperator(Shape shape) : x_(b_.quantize(b_.input(std::move(shape)), scale, 3, DType::int8)) {}

    QuantizedGraph& builder() { return b_; }
    ValueId x() const { return x_; }
    Graph finish(ValueId result) {
        name_ = b_.graph.node(b_.graph.producer(result)).name;
        b_.output(b_.quantize(result, scale, 3, DType::int8));
        return b_.graph;
    }
    const std::string& name() const { return name_; }

  private:
    QuantizedGraph b_;
    ValueId x_;
    std::string name_;
};

// Empty: it is taken.
std::string reason(OneOperator& one, ValueId result, const Profile& profile) {
    const Graph graph = one.finish(result);
    const Offload offload = plan(graph, profile).offload;
    const OffloadNode* node = find(offload, one.name());
    if (!node) {
        ADD_FAILURE() << one.name() << " is not there";
        return "not there";
    }
    EXPECT_EQ(node->reason.empty(), node->place == OffloadPlace::npu);
    EXPECT_EQ(offload.count(OffloadPlace::cpu), node->reason.empty() ? 0U : 1U);
    return node->reason;
}

std::string resize_reason(const Profile& profile, Integers from, Integers to, const std::string& mode = "asymmetric") {
    OneOperator one({1, 8, from[0], from[1]});
    QuantizedGraph& b = one.builder();
    const ValueId sizes = b.constant(Tensor::from<std::int64_t>({4}, {1, 8, to[0], to[1]}));
    const ValueId y = b.node("Resize", {one.x(), no_value, no_value, sizes},
                             {{"mode", std::string("nearest")},
                              {"coordinate_transformation_mode", mode},
                              {"nearest_mode", std::string(mode == "asymmetric" ? "floor" : "round_prefer_ceil")}});
    return reason(one, y, profile);
}

TEST(Limits, of_windows_channels_and_batches_take_what_is_just_inside) {
    const auto pool = [](const Profile& profile, const char* op, std::int64_t batch, std::int64_t kernel,
                         std::int64_t stride, std::int64_t dilation) {
        OneOperator one({batch, 8, 16, 16});
        Attributes attributes = {{"kernel_shape", Integers{kernel, 2}}, {"strides", Integers{1, stride}}};
        if (dilation > 1) attributes.set("dilations", Integers{1, dilation});
        return reason(one, one.builder().node(op, {one.x()}, attributes), profile);
    };
    const auto conv = [](const Profile& profile, std::int64_t out, std::int64_t kernel, std::int64_t stride) {
        OneOperator one({1, 8, 16, 16});
        return reason(one, one.builder().conv(one.x(), 8, out, kernel, stride, scale, 0.01F), profile);
    };
    const auto limit = [](const char* lines) { return profile_with(std::string(R"("limits": )") + lines); };

    EXPECT_EQ(conv(limit(R"({"conv": {"max_kernel": 3}})"), 8, 3, 1), "");
    EXPECT_EQ(conv(limit(R"({"conv": {"max_kernel": 3}})"), 8, 5, 1), "its window is 5x5; 3 is the most");
    EXPECT_EQ(conv(limit(R"({"conv": {"max_stride": 2}})"), 8, 3, 2), "");
    EXPECT_EQ(conv(limit(R"({"conv": {"max_stride": 2}})"), 8, 3, 3), "its stride is 3x3; 2 is the most");
    const auto dilated = [&](std::int64_t dilation) {
        OneOperator one({1, 8, 16, 16});
        const ValueId y = one.builder().conv(one.x(), 8, 8, 3, 1, scale, 0.01F);
        Graph& graph = one.builder().graph;
        graph.node(graph.producer(y)).attributes.set("dilations", Integers{1, dilation});
        return reason(one, y, limit(R"({"conv": {"max_dilation": 2}})"));
    };
    EXPECT_EQ(dilated(2), "");
    EXPECT_EQ(dilated(3), "its dilation is 1x3; 2 is the most");
    EXPECT_EQ(conv(limit(R"({"conv": {"max_channels": 8}})"), 8, 3, 1), "");
    EXPECT_EQ(conv(limit(R"({"conv": {"max_channels": 8}})"), 9, 3, 1), "it has 9 channels; 8 are the most");
    for (const auto& [op, kind] : {std::pair("MaxPool", "max_pool"), std::pair("AveragePool", "average_pool")}) {
        const auto of = [&, kind = kind](const char* lines) {
            return limit(fmt::format(R"({{"{}": {}}})", kind, lines).c_str());
        };
        EXPECT_EQ(pool(of(R"({"max_kernel": 3})"), op, 1, 3, 1, 1), "");
        EXPECT_EQ(pool(of(R"({"max_kernel": 3})"), op, 1, 4, 1, 1), "its window is 4x2; 3 is the most");
        EXPECT_EQ(pool(of(R"({"max_stride": 2})"), op, 1, 3, 2, 1), "");
        EXPECT_EQ(pool(of(R"({"max_stride": 2})"), op, 1, 3, 3, 1), "its stride is 1x3; 2 is the most");
        EXPECT_EQ(pool(of(R"({"max_batch": 2})"), op, 2, 3, 1, 1), "");
        EXPECT_EQ(pool(of(R"({"max_batch": 2})"), op, 3, 3, 1, 1), "its batch is 3; 2 is the most");
    }
    EXPECT_EQ(pool(limit(R"({"max_pool": {"max_dilation": 2}})"), "MaxPool", 1, 3, 1, 2), "");
    EXPECT_EQ(pool(limit(R"({"max_pool": {"max_dilation": 2}})"), "MaxPool", 1, 3, 1, 3),
              "its dilation is 1x3; 2 is the most");
}

TEST(Limits, of_a_resize_are_its_factors) {
    const Profile twice = profile_with(R"("limits": {"resize": {"factors": [2]}})");
    EXPECT_EQ(resize_reason(twice, {4, 5}, {8, 10}), "");
    EXPECT_EQ(resize_reason(twice, {4, 4}, {16, 16}), "it resizes 4x4 to 16x16, by 4; 2 is taken");
    EXPECT_EQ(resize_reason(twice, {4, 4}, {9, 9}), "it resizes 4x4 to 9x9, by 2.25; 2 is taken");
    {
        // Of channels too: no image's resize, and computed as a move.
        OneOperator one({1, 8, 4, 4});
        QuantizedGraph& b = one.builder();
        const ValueId sizes = b.constant(Tensor::from<std::int64_t>({4}, {1, 16, 8, 8}));
        const ValueId y = b.node("Resize", {one.x(), no_value, no_value, sizes}, {{"mode", std::string("nearest")}});
        EXPECT_THAT(reason(one, y, twice), HasSubstr("1x8x4x4 to 1x16x8x8; rows and columns of images are taken"));
    }
    // Each key adds what it says.
    const Profile lines = profile_with(R"("limits": {"resize": {"factors": [2], "along_one_line": true}})");
    EXPECT_THAT(resize_reason(twice, {1, 4}, {1, 8}),
                HasSubstr("rows by 1 and columns by 2; 2 is taken, the same for both"));
    EXPECT_EQ(resize_reason(lines, {1, 4}, {1, 8}), "");
    EXPECT_EQ(resize_reason(lines, {4, 1}, {8, 1}), "");
    EXPECT_NE(resize_reason(lines, {2, 4}, {2, 8}), "");
    EXPECT_NE(resize_reason(lines, {1, 4}, {1, 12}), "");
    const Profile pixel = profile_with(R"("limits": {"resize": {"factors": [2], "from_one_pixel": true}})");
    EXPECT_NE(resize_reason(twice, {1, 1}, {5, 7}), "");
    EXPECT_EQ(resize_reason(pixel, {1, 1}, {5, 7}), "");
    EXPECT_NE(resize_reason(pixel, {1, 2}, {5, 7}), "");
}

// The sentences of data/truth/d_ethos_u/offload_ethos-u55-256.log, one case on each side of each.
TEST(EthosU55, takes_nearest_resizes_as_vela_says) {
    const Profile u55 = load_profile("ethos-u55").value(), u85 = load_profile("ethos-u85").value();
    struct Case {
        Integers from, to;
        bool taken;
        const char* mode = "asymmetric";
    };
    const Case cases[] = {
        // "Scale-factor must be one of: 2x/4x/8x"
        {{16, 16}, {32, 32}, true},
        {{16, 16}, {64, 64}, true},
        {{16, 16}, {128, 128}, true},
        {{16, 16}, {256, 256}, false},
        {{16, 16}, {48, 48}, false},
        {{16, 16}, {24, 24}, false},
        {{16, 16}, {8, 8}, false},
        // "IF W Scale-factor != H Scale-factor: OFM W or H must be 1, and scaling in the dim that is must also be 1"
        {{16, 16}, {128, 16}, false},
        {{16, 16}, {32, 64}, false},
        {{1, 16}, {1, 32}, true},
        {{16, 1}, {64, 1}, true},
        {{1, 16}, {2, 16}, false},
        {{1, 16}, {1, 48}, false},
        // "IF NOT (IFM H == IFM W == 1)"
        {{1, 1}, {5, 7}, true},
        {{1, 2}, {5, 7}, false},
        // "IF align corners: Scale-factor is defined as OFM H-1 / IFM H-1"
        {{5, 5}, {9, 9}, true, "align_corners"},
        {{5, 5}, {10, 10}, false, "align_corners"},
        {{5, 5}, {33, 33}, true, "align_corners"},
        {{5, 5}, {34, 34}, false, "align_corners"},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(fmt::format("{}x{} to {}x{}, {}", c.from[0], c.from[1], c.to[0], c.to[1], c.mode));
        const std::string why = resize_reason(u55, c.from, c.to, c.mode);
        EXPECT_EQ(why.empty(), c.taken) << why;
        if (!c.taken) EXPECT_THAT(why, HasSubstr("1, 2, 4, 8 are taken"));
        EXPECT_EQ(resize_reason(u85, c.from, c.to, c.mode), "");
    }
}

// The operators of the network that Vela was given, and what its logs say of them.
TEST(EthosU, takes_and_refuses_what_vela_does) {
    QuantizedGraph b;
    const auto quantized = [&](ValueId value) { return b.quantize(value, scale, 3, DType::int8); };
    const ValueId x = quantized(b.input({1, 8, 16, 16}));
    std::map<std::string, std::string> ours;  // by Vela's name
    const auto add = [&](const std::string& name, ValueId result) {
        ours[name] = b.graph.node(b.graph.producer(result)).name;
        const ValueId y = quantized(result);
        b.output(y);
        return y;
    };
    const auto integers = [&](std::vector<std::int64_t> values) {
        const auto size = static_cast<std::int64_t>(values.size());
        return b.constant(Tensor::from<std::int64_t>({size}, values));
    };
    const auto resize = [&](std::int64_t h, std::int64_t w) {
        return b.node("Resize", {x, no_value, no_value, integers({1, 8, h, w})},
                      {{"mode", std::string("nearest")},
                       {"coordinate_transformation_mode", std::string("asymmetric")},
                       {"nearest_mode", std::string("floor")}});
    };
    add("leaky_neg", b.node("LeakyRelu", {x}, {{"alpha", -0.5F}}));
    add("slice_stride2",
        b.node("Slice", {x, integers({0, 0}), integers({16, 16}), integers({2, 3}), integers({2, 2})}));
    add("transpose_nchw", b.node("Transpose", {x}, {{"perm", Integers{0, 2, 1, 3}}}));
    add("pool_k257_s1",
        b.node("MaxPool", {x}, {{"kernel_shape", Integers{257, 1}}, {"pads", Integers{128, 0, 128, 0}}}));
    const ValueId big = add("big", resize(128, 16));
    const ValueId tall = b.conv(big, 8, 8, 1, 1, scale, 0.01F);
    b.graph.node(b.graph.producer(tall)).attributes.set("pads", Integers{0, 0, 0, 0});
    add("conv_65x1", tall);
    add("conv_stride4", b.conv(x, 8, 8, 3, 4, scale, 0.01F));
    add("resize_x2", resize(32, 32));
    add("resize_x3", resize(48, 48));
    add("resize_16to24", resize(24, 24));

    for (const auto& [profile, log] :
         {std::pair("ethos-u55", "offload_ethos-u55-256.log"), std::pair("ethos-u85", "offload_ethos-u85-1024.log")}) {
        SCOPED_TRACE(log);
        const auto bytes = read_file(truth + "/d_ethos_u/" + log, 1 << 20);
        ASSERT_TRUE(bytes) << bytes.error().message;
        const std::string text(bytes->begin(), bytes->end());
        std::set<std::string> by_vela;
        static const std::regex warning(R"(\(supported operators\) operator: \w+, ofm: '(\w+)')");
        for (std::sregex_iterator it(text.begin(), text.end(), warning), end; it != end; ++it)
            by_vela.insert(ours.at((*it)[1].str()));
        for (const auto& [name, node] : ours) EXPECT_THAT(text, HasSubstr(" = " + name + " ")) << "is in no log";
        EXPECT_EQ(refused(offload_to(b.graph, profile)), by_vela);
    }
}

TEST(Offload, of_the_network_of_truth_is_whole) {
    const Graph graph = onnx::load(truth + "/a_tflite/small_qdq_s8.onnx").value();
    for (const char* profile : {"ethos-u55", "ethos-u85"}) {
        const Offload offload = offload_to(graph, profile);
        EXPECT_EQ(refused(offload), std::set<std::string>());
        ASSERT_EQ(offload.partitions.size(), 1U);
        const Partition& whole = offload.partitions[0];
        EXPECT_EQ(whole.nodes.size(), offload.count(OffloadPlace::npu));
        ASSERT_EQ(whole.inputs.size(), 1U);
        EXPECT_EQ(whole.input_bytes, 48 * 64 * 3);
    }
}

// x → conv → leaky → out, and the like; 8x6x6 integers are 288 bytes.
TEST(Offload, memory_is_what_is_needed_at_once) {
    const Profile profile = profile_with(R"("description": "")");
    {
        QuantizedGraph b;
        const ValueId x = b.quantize(b.input({1, 8, 6, 6}), scale, 3, DType::int8);
        const ValueId c = b.quantize(b.conv(x, 8, 8, 3, 1, scale, 0.01F), scale, 3, DType::int8);
        b.output(b.quantize(b.node("LeakyRelu", {c}, {{"alpha", 0.1F}}), scale, 3, DType::int8));
        const Offload offload = plan(b.graph, profile).offload;
        EXPECT_EQ(offload.weight_bytes, 8 * 8 * 9 + 8 * 4);
        EXPECT_EQ(offload.arena_bytes, 2 * 288);  // LeakyRelu writes over the convolution's result
        EXPECT_EQ(offload.peak_bytes, 2 * 288);
        ASSERT_TRUE(offload.largest);
        EXPECT_EQ(offload.largest->bytes, 288);
        ASSERT_EQ(offload.partitions.size(), 1U);
        EXPECT_EQ(offload.partitions[0].input_bytes, 288);
        EXPECT_EQ(offload.partitions[0].output_bytes, 288);
        EXPECT_EQ(offload.macs(OffloadPlace::npu), 8 * 8 * 9 * 36);
    }
    {
        // The Concat reads the convolution's result again, so that it stays.
        QuantizedGraph b;
        const ValueId x = b.quantize(b.input({1, 8, 6, 6}), scale, 3, DType::int8);
        const ValueId c = b.quantize(b.conv(x, 8, 8, 3, 1, scale, 0.01F), scale, 3, DType::int8);
        const ValueId l = b.quantize(b.node("LeakyRelu", {c}, {{"alpha", 0.1F}}), scale, 3, DType::int8);
        b.output(b.quantize(b.node("Concat", {c, l}, {{"axis", std::int64_t{1}}}), scale, 3, DType::int8));
        const Offload offload = plan(b.graph, profile).offload;
        EXPECT_EQ(offload.arena_bytes, 4 * 288);
        EXPECT_EQ(offload.largest->bytes, 2 * 288);
    }
}

TEST(Offload, partitions_end_where_the_cpu_takes_over) {
    QuantizedGraph b;
    const auto quantized = [&](ValueId value) { return b.quantize(value, scale, 3, DType::int8); };
    const auto conv = [&](ValueId x) { return quantized(b.conv(x, 8, 8, 1, 1, scale, 0.01F)); };
    const ValueId x = quantized(b.input({1, 8, 6, 6}));
    const ValueId first = conv(x);
    const ValueId refused_one = quantized(b.node("Tanh", {first}));
    const ValueId beside = conv(first);
    const ValueId second = conv(refused_one);
    b.output(quantized(b.node("Add", {second, beside})));
    const Offload offload = plan(b.graph, profile_with(R"("rules": {"tanh": null})")).offload;
    EXPECT_EQ(refused(offload).size(), 1U);
    ASSERT_EQ(offload.partitions.size(), 2U);
    EXPECT_EQ(offload.partitions[0].nodes.size(), 2U);  // first, beside
    EXPECT_EQ(offload.partitions[1].nodes.size(), 2U);  // second, Add
    EXPECT_EQ(offload.partitions[0].input_bytes, 288);
    EXPECT_EQ(offload.partitions[0].output_bytes, 2 * 288);
    EXPECT_EQ(offload.partitions[1].input_bytes, 2 * 288);
    EXPECT_EQ(offload.partitions[1].output_bytes, 288);
}

TEST(Offload, of_a_float_network_is_nothing_with_reasons) {
    QuantizedGraph b;
    b.output(b.node("Relu", {b.input({1, 2, 3, 3})}));
    const Offload offload = offload_to(b.graph, "ethos-u55");
    EXPECT_EQ(offload.count(OffloadPlace::npu), 0U);
    EXPECT_TRUE(offload.partitions.empty());
    ASSERT_EQ(offload.nodes.size(), 1U);
    EXPECT_EQ(offload.nodes[0].reason, "it is float in the file");
    EXPECT_FALSE(offload.largest);
}

// Each operator's readers of results.
std::vector<std::vector<std::size_t>> edges_of(const Program& program) {
    std::vector<std::vector<std::size_t>> readers(program.ops.size());
    for (std::size_t i = 0; i < program.ops.size(); ++i) {
        const auto tensors = tensors_written(program.ops[i]);
        for (std::size_t j = 0; j < program.ops.size(); ++j) {
            bool reads = false;
            for (const Operand* x : operands(program.ops[j])) reads |= x->id == written(program.ops[i]);
            for (ValueId id : tensors_read(program.ops[j]))
                reads |= id != no_value && std::find(tensors.begin(), tensors.end(), id) != tensors.end();
            if (reads) readers[i].push_back(j);
        }
    }
    return readers;
}

TEST(Offload, partitions_of_random_networks_are_convex_and_as_few_as_can_be) {
    const char* const profiles[] = {R"("description": "")", R"("rules": {"add": null, "max_pool": null})",
                                    R"("rules": {"conv": null, "requantize": null})",
                                    R"("rules": {"concat": null, "leaky_relu": null, "relu": null})"};
    std::size_t several = 0;
    for (unsigned seed = 1; seed <= 400; ++seed) {
        SCOPED_TRACE(seed);
        const Planned planned =
            plan(test::random_network(seed).graph, profile_with(profiles[seed % std::size(profiles)]));
        const Program& program = planned.program;
        const Offload& offload = planned.offload;
        const auto readers = edges_of(program);
        const std::size_t count = program.ops.size();
        ASSERT_EQ(offload.nodes.size(), count);
        several += offload.partitions.size() > 1;
        // The most partitions that a path has to pass: how often it comes to the NPU.
        std::vector<int> turns(count, 0);
        int most = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const auto on_npu = [&](std::size_t op) { return offload.nodes[op].place == OffloadPlace::npu; };
            if (on_npu(i)) turns[i] = std::max(turns[i], 1);
            most = std::max(most, turns[i]);
            for (std::size_t j : readers[i]) {
                ASSERT_LT(i, j);
                turns[j] = std::max(turns[j], turns[i] + (on_npu(j) && !on_npu(i) ? 1 : 0));
            }
        }
        EXPECT_EQ(offload.partitions.size(), static_cast<std::size_t>(most));
        // Whoever leaves a partition does not come back.
        for (std::size_t p = 0; p < offload.partitions.size(); ++p) {
            const int own = static_cast<int>(p);
            std::vector<bool> left(count, false);
            for (std::size_t i = 0; i < count; ++i) {
                const bool inside = offload.nodes[i].partition == own;
                EXPECT_FALSE(inside && left[i]) << offload.nodes[i].name;
                for (std::size_t j : readers[i]) {
                    if (left[i] || (inside && offload.nodes[j].partition != own)) left[j] = true;
                }
            }
        }
    }
    EXPECT_GT(several, 10U);
}

}  // namespace
}  // namespace octet::engine::npu_emu
