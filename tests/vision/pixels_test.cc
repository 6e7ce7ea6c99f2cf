#include "vision/pixels.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "vision/resize.h"

namespace octet::vision {
namespace {

// Frames of twice the network's columns, which have a path of their own, and others.
TEST(FrameMask, IsTheFormulaAtEverySize) {
    constexpr int side = 64;
    constexpr float infinity = std::numeric_limits<float>::infinity();
    std::minstd_rand random(5);
    Tensor segmentation(DType::float32, {1, 2, side, side});
    for (float& value : segmentation.mutable_data<float>()) {
        const auto kind = random() % 40;
        value = kind == 0   ? infinity
                : kind == 1 ? std::numeric_limits<float>::quiet_NaN()
                            : static_cast<float>(random() % 64) / 64.0F;
    }
    const auto values = segmentation.data<float>();
    for (const auto& [width, height] :
         {std::pair(2 * side, 72), std::pair(2 * side, 2 * side), std::pair(72, 2 * side), std::pair(side, side),
          std::pair(3 * side, side), std::pair(50, 40), std::pair(2, 128), std::pair(1, 1)}) {
        const LetterboxTransform transform = letterbox_transform(width, height, side, side);
        const Image mask = frame_mask(segmentation, transform);
        ASSERT_EQ(mask.width, width);
        const auto margin = [&](int x, const BilinearTap& row) {
            const auto at = [&](int y) {
                const int i = (y + transform.pad_top) * side + x + transform.pad_left;
                return values[static_cast<std::size_t>(side * side + i)] - values[static_cast<std::size_t>(i)];
            };
            return at(row.low) * (1.0F - row.fraction) + at(row.high) * row.fraction;
        };
        for (int y = 0; y < height; ++y) {
            const BilinearTap row = bilinear_tap(y, height, transform.content_height);
            for (int x = 0; x < width; ++x) {
                const BilinearTap column = bilinear_tap(x, width, transform.content_width);
                const float value =
                    margin(column.low, row) * (1.0F - column.fraction) + margin(column.high, row) * column.fraction;
                ASSERT_EQ(mask.row(y)[x], value > 0 ? 1 : 0) << width << "x" << height << " at " << x << ", " << y;
            }
        }
    }
}

}  // namespace
}  // namespace octet::vision
