// Dumps with one known fault each: the layer comes first, and the cause is in its list.

#include <gtest/gtest.h>

#include <algorithm>

#include "compare/comparison.h"
#include "compare/profile_search.h"
#include "engine/npu_emu/profile.h"
#include "frontends/onnx/importer.h"
#include "tests/test_files.h"

namespace octet::compare {
namespace {

struct Fault {
    const char* dump;
    const char* layer;  // nullptr: none
    const char* cause;
    std::int64_t differing = 0;
};

void PrintTo(const Fault& fault, std::ostream* out) {
    *out << fault.dump;
}

std::shared_ptr<const Emulation> yolop64() {
    static const auto made = [] {
        Graph graph = onnx::load(shared_folder + "/models/peers/ort-int8.onnx").value();
        for (std::size_t i = 0; i < graph.value_count(); ++i) {
            Value& value = graph.value(static_cast<ValueId>(i));
            if (!value.constant) value.shape.reset();
        }
        graph.value(graph.inputs[0]).shape = Shape{1, 3, 64, 64};
        return Emulation::create(std::move(graph), engine::npu_emu::load_profile("tflite-double").value(), 2).value();
    }();
    return made;
}

Result<Observation> compare_dump(const DumpOptions& options, bool explains = true) {
    const auto emulation = yolop64();
    OCTET_ASSIGN(Dump opened, Dump::open(options));
    const auto dump = std::make_shared<const Dump>(std::move(opened));
    OCTET_ASSIGN(const Tensors given, find_inputs(*emulation, *dump, {}));
    OCTET_ASSIGN(const Tensors computed, free_run(*emulation, given, *dump));
    OCTET_ASSIGN(Side side, read_side(*emulation, dump, computed));
    ComparisonOptions how;
    how.explains = explains;
    OCTET_ASSIGN(Comparison comparison, compare_sides(*emulation, side, given, how));
    return Observation{emulation, std::make_shared<const Side>(std::move(side)),
                       std::make_shared<const Comparison>(std::move(comparison))};
}

DumpOptions fault_dump(const std::string& name) {
    DumpOptions options;
    options.path = shared_folder + "/faults/" + name + ".npz";
    options.manifest = shared_folder + "/faults/manifest.json";
    return options;
}

class Faults : public testing::TestWithParam<Fault> {
  protected:
    void SetUp() override {
        OCTET_NEEDS_SHARED("faults/manifest.json");
        OCTET_NEEDS_SHARED("models/peers/ort-int8.onnx");
    }
};

TEST_P(Faults, layer_first_and_cause_in_its_list) {
    const auto compared = compare_dump(fault_dump(GetParam().dump));
    ASSERT_TRUE(compared) << compared.error().message;
    const Comparison& comparison = *compared->comparison;
    EXPECT_EQ(comparison.layers.size(), 105U);
    if (!GetParam().layer) {
        EXPECT_TRUE(comparison.identical());
        return;
    }
    ASSERT_EQ(comparison.diverging().size(), 1U);
    const Layer& layer = comparison.layers[comparison.diverging().front()];
    EXPECT_EQ(layer.name, GetParam().layer);
    EXPECT_EQ(comparison.ranking.front(), comparison.diverging().front());
    EXPECT_EQ(layer.forced->differing, GetParam().differing);
    std::string causes;
    for (const Cause& cause : layer.causes) causes += cause.id + " ";
    EXPECT_TRUE(std::any_of(layer.causes.begin(), layer.causes.end(), [](const Cause& cause) {
        return cause.id == GetParam().cause;
    })) << causes;
}

INSTANTIATE_TEST_SUITE_P(Shared, Faults,
                         testing::Values(Fault{"golden", nullptr, nullptr},
                                         Fault{"01", "c2/m/m.0/cv2/conv/Conv", "rule-single", 3},
                                         Fault{"02", "c1/cv4/conv/Conv", "rule-m16", 28},
                                         Fault{"03", "c2/m/m.2/cv2/conv/Conv", "accumulator-saturates-16", 694},
                                         Fault{"04", "c1/m/m.0/cv2/conv/Conv", "weights-transposed", 7861},
                                         Fault{"07", "c3/cv1/conv/Conv", "weight-scale-one-largest", 1934},
                                         Fault{"08", "d1/act/Div", "rule-float-table", 107},
                                         Fault{"10", "up/Resize", "resize-index-round-half-up", 1721},
                                         Fault{"11", "c2/Concat", "no-rescale", 8192}, Fault{"13", nullptr, nullptr},
                                         Fault{"14", "c1/act/LeakyRelu", "dump-layout-nchw", 14627},
                                         Fault{"15", "c2/act/LeakyRelu", "leaky-alpha-26/256", 46},
                                         Fault{"16", "c3/cv4/conv/Conv", "accumulator-wraps-16", 673},
                                         Fault{"17", "d3/conv/Conv", "bias-missing", 3850},
                                         Fault{"19", "c3/cv2/Conv", "weight-scale-channel--1", 1543}));

struct Real {
    const char* dump;
    std::vector<std::pair<std::string, std::string>> changes;
};

// The same integers run by other kernels of LiteRT.
TEST(RealDumps, are_explained_by_one_change_of_the_profile) {
    OCTET_NEEDS_SHARED("faults/manifest.json");
    OCTET_NEEDS_SHARED("models/peers/ort-int8.onnx");
    const Real all[] = {
        {"R1", {{"rules.conv", "\"double-up\""}, {"rules.requantize", "\"double-up\""}}},
        {"R2", {{"rules.conv", "\"fp32\""}, {"rules.leaky_relu", "\"q8\""}, {"rules.requantize", "\"q8\""}}}};
    for (const Real& real : all) {
        const auto compared = compare_dump(fault_dump(real.dump), false);
        ASSERT_TRUE(compared) << compared.error().message;
        const ProfileSearch search = search_profile({*compared});
        EXPECT_TRUE(search.explains_everything()) << real.dump;
        std::vector<std::pair<std::string, std::string>> changes;
        for (const ProfileChange& change : search.changes) changes.emplace_back(change.key, change.to);
        std::sort(changes.begin(), changes.end());
        EXPECT_EQ(changes, real.changes) << real.dump;
    }
}

// Five forms of five tensors, as vendors write them.
TEST(Formats, are_all_read_as_the_same_tensor) {
    OCTET_NEEDS_SHARED("faults/formats/index.json");
    OCTET_NEEDS_SHARED("models/peers/ort-int8.onnx");
    const auto golden = compare_dump(fault_dump("golden"), false);
    ASSERT_TRUE(golden) << golden.error().message;
    DumpOptions options;
    options.path = shared_folder + "/faults/formats";
    const Dump dump = Dump::open(options).value();
    EXPECT_EQ(dump.entries().size(), 25U);
    const Side side = read_side(*yolop64(), std::make_shared<const Dump>(dump), {}).value();
    EXPECT_EQ(side.tensors.size(), 5U);
    EXPECT_TRUE(side.notes.empty()) << side.notes.front();
    for (const auto& [slot, tensor] : side.tensors)
        EXPECT_TRUE(identical(tensor, golden->side->tensors.at(slot))) << side.names.at(slot);
}

}  // namespace
}  // namespace octet::compare
