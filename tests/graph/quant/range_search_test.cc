#include "graph/quant/range_search.h"

#include <gtest/gtest.h>

#include "graph/quant/quantize_graph.h"
#include "tests/graph/quant/tiny_network.h"

namespace octet::quant {
namespace {

// Grids of twice the range are left where convolutions alone read the group; the stem is a sum's operand, too.
TEST(RangeSearch, WhatConvolutionsReadGetsTheGridWithTheLeastErrorBehindThem) {
    testing::TinyNetwork tiny;
    const Dataset pictures{
        3, [](std::int64_t i) -> Result<Tensor> { return testing::random_picture(static_cast<unsigned>(i)); }};
    const QuantizeOptions options;
    QuantModel model = prepare_model(tiny.graph, options).value();
    const Calibration calibration = calibrate(model.graph, calibrated_values(model), pictures, {}).value();
    choose_grids(model, calibration, options);
    const std::vector<Grid> chosen = model.grids;
    for (Grid& grid : model.grids) grid.scale *= 2;

    const auto found = search_ranges(model, calibration, pictures, serial_for);
    ASSERT_TRUE(found.has_value());
    for (const char* name : {"sum_out", "pool_out", "stem_act_out"}) {
        const ValueId value = model.graph.find_value(name);
        ASSERT_NE(value, no_value) << name;
        const GridGroup& group = *model.plan.group(value);
        const auto grid = found->find(group.sources.front());
        if (name == std::string("stem_act_out")) {
            EXPECT_EQ(grid, found->end());
            continue;
        }
        ASSERT_NE(grid, found->end()) << name;
        EXPECT_LT(
            grid->second.scale,
            1.3F * chosen[static_cast<std::size_t>(model.plan.group_of.at(static_cast<std::size_t>(value)))].scale)
            << name;
        // It is what the plan gives from then on.
        model.searched = *found;
        choose_grids(model, calibration, options);
        EXPECT_EQ(*model.grid(value), grid->second);
    }
}

}  // namespace
}  // namespace octet::quant
