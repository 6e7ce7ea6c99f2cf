#include <algorithm>
#include <cmath>

#include "tests/graph/passes/pass_test.h"

namespace octet::test {
namespace {

struct LevelSpec {
    std::int64_t height, width;
    float stride;
    std::vector<float> anchors;  // w, h of each
};

struct Tail {
    std::vector<LevelSpec> levels = {{6, 4, 8, {3, 9, 5, 11, 4, 20}}, {3, 2, 16, {7, 18, 6, 39, 12, 31}}};
    std::int64_t classes = 1;
    std::int64_t batch = 1;
    float xy_offset = 0.5F;
    bool transposed_grid = false;

    std::int64_t anchors() const { return static_cast<std::int64_t>(levels[0].anchors.size()) / 2; }
    std::int64_t columns() const { return 5 + classes; }
};

ValueId grid(Builder& b, const LevelSpec& level, bool transposed) {
    std::vector<float> values;
    for (std::int64_t y = 0; y < level.height; ++y) {
        for (std::int64_t x = 0; x < level.width; ++x) {
            values.push_back(static_cast<float>(transposed ? y : x));
            values.push_back(static_cast<float>(transposed ? x : y));
        }
    }
    return b.constant(Tensor::from<float>({1, 1, level.height, level.width, 2}, std::span<const float>(values)));
}

ValueId anchor_grid(Builder& b, const Tail& tail, const LevelSpec& level) {
    return b.constant(Tensor::from<float>({1, tail.anchors(), 1, 1, 2}, std::span<const float>(level.anchors)));
}

// [N,na·no,h,w] -> σ -> [N,na,h,w,no].
ValueId activated(Builder& b, const Tail& tail, const LevelSpec& level, ValueId x) {
    const ValueId split = b.reshape(x, {tail.batch, tail.anchors(), tail.columns(), level.height * level.width});
    const ValueId moved = b.op("Transpose", {split}, {{"perm", std::vector<std::int64_t>{0, 1, 3, 2}}});
    return b.op("Sigmoid", {b.reshape(moved, {tail.batch, tail.anchors(), level.height, level.width, tail.columns()})});
}

ValueId decoded_xy(Builder& b, const Tail& tail, const LevelSpec& level, ValueId s) {
    const ValueId centred = b.op("Sub", {b.op("Mul", {s, b.scalar(2)}), b.scalar(tail.xy_offset)});
    return b.op("Mul", {b.op("Add", {centred, grid(b, level, tail.transposed_grid)}), b.scalar(level.stride)});
}

ValueId decoded_wh(Builder& b, const Tail& tail, const LevelSpec& level, ValueId s) {
    const ValueId squared = b.op("Pow", {b.op("Mul", {s, b.scalar(2)}), b.scalar(2)});
    return b.op("Mul", {squared, anchor_grid(b, tail, level)});
}

// Where ScatterND writes columns [first, first + 2).
ValueId slots(Builder& b, const Tail& tail, const LevelSpec& level, std::int64_t first) {
    std::vector<std::int64_t> indices;
    for (std::int64_t n = 0; n < tail.batch; ++n) {
        for (std::int64_t a = 0; a < tail.anchors(); ++a) {
            for (std::int64_t y = 0; y < level.height; ++y) {
                for (std::int64_t x = 0; x < level.width; ++x) {
                    for (std::int64_t c : {first, first + 1}) indices.insert(indices.end(), {n, a, y, x, c});
                }
            }
        }
    }
    return b.constant(Tensor::from<std::int64_t>({tail.batch, tail.anchors(), level.height, level.width, 2, 5},
                                                 std::span<const std::int64_t>(indices)));
}

using LevelForm = ValueId (*)(Builder&, const Tail&, const LevelSpec&, ValueId);

ValueId by_slice_writes(Builder& b, const Tail& tail, const LevelSpec& level, ValueId x) {
    const ValueId s = activated(b, tail, level, x);
    const ValueId xy = decoded_xy(b, tail, level, b.slice(s, {0}, {2}, {4}, {1}));
    const ValueId first = b.op("ScatterND", {s, slots(b, tail, level, 0), xy});
    const ValueId wh = decoded_wh(b, tail, level, b.slice(first, {2}, {4}, {4}, {1}));
    return b.op("ScatterND", {first, slots(b, tail, level, 2), wh});
}

ValueId by_concat(Builder& b, const Tail& tail, const LevelSpec& level, ValueId x) {
    const ValueId s = activated(b, tail, level, x);
    const ValueId xy = decoded_xy(b, tail, level, b.slice(s, {0}, {2}, {4}, {1}));
    const ValueId wh = decoded_wh(b, tail, level, b.slice(s, {2}, {4}, {4}, {1}));
    const ValueId rest = b.slice(s, {4}, {INT64_MAX}, {-1}, {1});
    return b.op("Concat", {xy, wh, rest}, {{"axis", std::int64_t{4}}});
}

// Newer exports: the constants multiplied out, (s·2)² as a product, the levels flattened before the columns are joined.
ValueId by_folded_constants(Builder& b, const Tail& tail, const LevelSpec& level, ValueId x) {
    const ValueId s = activated(b, tail, level, x);
    const ValueId scaled = b.op("Mul", {b.slice(s, {0}, {2}, {4}, {1}), b.scalar(2 * level.stride)});
    const ValueId shift = b.op(
        "Mul", {b.op("Sub", {grid(b, level, tail.transposed_grid), b.scalar(tail.xy_offset)}), b.scalar(level.stride)});
    const ValueId xy = b.op("Add", {scaled, shift});
    const ValueId twice = b.op("Mul", {b.slice(s, {2}, {4}, {4}, {1}), b.scalar(2)});
    const ValueId wh = b.op("Mul", {b.op("Mul", {twice, twice}), anchor_grid(b, tail, level)});
    const ValueId rest = b.slice(s, {4}, {INT64_MAX}, {4}, {1});
    return b.op("Concat", {xy, wh, rest}, {{"axis", std::int64_t{-1}}});
}

// The levels joined; `finish` works on [N,T,no].
ValueId tail_of(Builder& b, const Tail& tail, LevelForm form, const std::vector<ValueId>& sources) {
    std::vector<ValueId> parts;
    for (std::size_t i = 0; i < sources.size(); ++i) {
        parts.push_back(b.reshape(form(b, tail, tail.levels[i], sources[i]), {tail.batch, -1, tail.columns()}));
    }
    return b.op("Concat", parts, {{"axis", std::int64_t{1}}});
}

std::vector<ValueId> level_inputs(Builder& b, const Tail& tail) {
    std::vector<ValueId> inputs;
    for (const LevelSpec& level : tail.levels) {
        inputs.push_back(b.input({tail.batch, tail.anchors() * tail.columns(), level.height, level.width}));
    }
    return inputs;
}

void expect_parameters(const Graph& graph, const Tail& tail, float box_scale) {
    ASSERT_EQ(count(graph, "Detect"), 1);
    for (NodeId id : graph.topological_order()) {
        const Node& node = graph.node(id);
        if (node.op != "Detect") continue;
        std::vector<float> strides;
        std::vector<float> anchors;
        for (const LevelSpec& level : tail.levels) {
            strides.push_back(level.stride);
            anchors.insert(anchors.end(), level.anchors.begin(), level.anchors.end());
        }
        EXPECT_EQ(node.attributes.reals("strides"), strides);
        const auto found = node.attributes.reals("anchors");
        ASSERT_EQ(found.size(), anchors.size());
        for (std::size_t i = 0; i < anchors.size(); ++i) EXPECT_FLOAT_EQ(found[i], anchors[i]);
        EXPECT_FLOAT_EQ(node.attributes.real("box_scale", 1), box_scale);
    }
}

const LevelForm forms[] = {by_slice_writes, by_concat, by_folded_constants};

TEST(FuseDetect, EverySpelling) {
    const Tail tail;
    for (LevelForm form : forms) {
        Builder b;
        const auto sources = level_inputs(b, tail);
        const Graph after = expect_rewrites(fuse_detect, b.finish({tail_of(b, tail, form, sources)}), 1);
        EXPECT_EQ(node_total(after), 1);
        expect_parameters(after, tail, 1);
    }
}

TEST(FuseDetect, OtherLevelsAnchorsClassesBatches) {
    Tail one_level;
    one_level.levels = {{1, 1, 13, {2.5F, 7}}};
    one_level.classes = 0;
    Tail four_levels;
    four_levels.levels = {
        {8, 8, 4, {1, 2, 3, 4}}, {4, 4, 8, {5, 6, 7, 8}}, {2, 2, 16, {9, 10, 11, 12}}, {1, 1, 32, {13, 14, 15, 16}}};
    four_levels.classes = 7;
    four_levels.batch = 2;
    for (const Tail& tail : {one_level, four_levels}) {
        Builder b;
        const auto sources = level_inputs(b, tail);
        expect_parameters(expect_rewrites(fuse_detect, b.finish({tail_of(b, tail, by_slice_writes, sources)}), 1), tail,
                          1);
    }
}

// An image and a convolution for each level, so that the strides are known from the shapes.
std::vector<ValueId> level_convolutions(Builder& b, const Tail& tail) {
    const ValueId image = b.input({tail.batch, 1, tail.levels[0].height * 8, tail.levels[0].width * 8});
    std::vector<ValueId> convs;
    for (const LevelSpec& level : tail.levels) {
        const auto side = static_cast<std::int64_t>(level.stride);
        convs.push_back(b.op("Conv", {image, b.weights({tail.anchors() * tail.columns(), 1, side, side}, 0.2F)},
                             {{"strides", std::vector<std::int64_t>{side, side}},
                              {"kernel_shape", std::vector<std::int64_t>{side, side}}}));
    }
    return convs;
}

TEST(FuseDetect, NormalizedBoxesBehindTheConcat) {
    const Tail tail;
    Builder b;
    const ValueId joined = tail_of(b, tail, by_slice_writes, level_convolutions(b, tail));
    const float f = 1.0F / 640;
    const ValueId y = b.op("Mul", {joined, b.constant(Tensor::from<float>({6}, {f, f, f, f, 1, 1}))});
    const Graph after = expect_rewrites(fuse_detect, b.finish({y}), 1);
    EXPECT_EQ(node_total(after), 3);
    expect_parameters(after, tail, f);
}

TEST(FuseDetect, NormalizedBoxesInsideTheLevels) {
    const Tail tail;
    Builder b;
    const LevelForm normalized = [](Builder& builder, const Tail& t, const LevelSpec& level, ValueId x) {
        const ValueId s = activated(builder, t, level, x);
        const ValueId xy = decoded_xy(builder, t, level, builder.slice(s, {0}, {2}, {4}, {1}));
        const ValueId wh = decoded_wh(builder, t, level, builder.slice(s, {2}, {4}, {4}, {1}));
        const ValueId boxes = builder.op("Concat", {xy, wh}, {{"axis", std::int64_t{4}}});
        return builder.op(
            "Concat", {builder.op("Div", {boxes, builder.scalar(640)}), builder.slice(s, {4}, {INT64_MAX}, {4}, {1})},
            {{"axis", std::int64_t{4}}});
    };
    const Graph before = b.finish({tail_of(b, tail, normalized, level_convolutions(b, tail))});
    expect_parameters(expect_rewrites(fuse_detect, before, 1), tail, 1.0F / 640);
}

TEST(FuseDetect, NotAnotherFormula) {
    Tail other_offset;
    other_offset.xy_offset = 0.25F;
    Tail other_grid;
    other_grid.transposed_grid = true;
    for (const Tail& tail : {other_offset, other_grid}) {
        for (LevelForm form : forms) {
            Builder b;
            const auto sources = level_inputs(b, tail);
            expect_untouched(fuse_detect, b.finish({tail_of(b, tail, form, sources)}));
        }
    }
    const LevelForm linear_sizes = [](Builder& b, const Tail& t, const LevelSpec& level, ValueId x) {
        const ValueId s = activated(b, t, level, x);
        const ValueId xy = decoded_xy(b, t, level, b.slice(s, {0}, {2}, {4}, {1}));
        const ValueId twice = b.op("Mul", {b.slice(s, {2}, {4}, {4}, {1}), b.scalar(2)});
        const ValueId wh = b.op("Mul", {twice, anchor_grid(b, t, level)});
        return b.op("Concat", {xy, wh, b.slice(s, {4}, {INT64_MAX}, {4}, {1})}, {{"axis", std::int64_t{4}}});
    };
    const LevelForm raw_scores = [](Builder& b, const Tail& t, const LevelSpec& level, ValueId x) {
        const ValueId y = by_concat(b, t, level, x);
        const ValueId scores = b.op("Mul", {b.slice(y, {4}, {INT64_MAX}, {4}, {1}), b.scalar(2)});
        return b.op("Concat", {b.slice(y, {0}, {4}, {4}, {1}), scores}, {{"axis", std::int64_t{4}}});
    };
    for (LevelForm form : {linear_sizes, raw_scores}) {
        const Tail tail;
        Builder b;
        const auto sources = level_inputs(b, tail);
        expect_untouched(fuse_detect, b.finish({tail_of(b, tail, form, sources)}));
    }
}

TEST(FuseDetect, NotThroughAQuantizer) {
    const Tail tail;
    const LevelForm quantized = [](Builder& b, const Tail& t, const LevelSpec& level, ValueId x) {
        const ValueId y = by_concat(b, t, level, x);
        const ValueId scale = b.scalar(0.5F);
        const ValueId zero = b.constant(Tensor::scalar<std::uint8_t>(0));
        return b.op("DequantizeLinear", {b.op("QuantizeLinear", {y, scale, zero}), scale, zero});
    };
    Builder b;
    const auto sources = level_inputs(b, tail);
    expect_untouched(fuse_detect, b.finish({tail_of(b, tail, quantized, sources)}));
}

TEST(FuseDetect, ALevelThatIsAnOutputToo) {
    const Tail tail;
    Builder b;
    const auto sources = level_inputs(b, tail);
    const ValueId raw = activated(b, tail, tail.levels[0], sources[0]);
    const Graph after = expect_rewrites(fuse_detect, b.finish({tail_of(b, tail, by_concat, sources), raw}), 1);
    expect_parameters(after, tail, 1);
}

}  // namespace
}  // namespace octet::test
