#include "vision/letterbox.h"

#include <gtest/gtest.h>

#include "tests/test_files.h"
#include "vision/resize.h"

namespace octet::vision {
namespace {

using Bytes = std::vector<std::uint8_t>;

Image grey(int width, int height, Bytes pixels) {
    Image image(width, height, 1);
    image.pixels = std::move(pixels);
    return image;
}

TEST(Letterbox, TransformOfTheUsualFrame) {
    const auto square = letterbox_transform(1280, 720, 640, 640);
    EXPECT_EQ(square.content_width, 640);
    EXPECT_EQ(square.content_height, 360);
    EXPECT_EQ(square.pad_left, 0);
    EXPECT_EQ(square.pad_top, 140);
    const auto wide = letterbox_transform(1280, 720, 640, 384);
    EXPECT_EQ(wide.content_height, 360);
    EXPECT_EQ(wide.pad_top, 12);
}

TEST(Letterbox, ExtremeFramesKeepAPixel) {
    const auto flat = letterbox_transform(10000, 1, 640, 640);
    EXPECT_EQ(flat.content_height, 1);
    const auto single = letterbox_transform(1, 1, 640, 384);
    EXPECT_EQ(single.content_width, 384);
    EXPECT_EQ(single.pad_left, 128);
    for (const auto& [width, height] : {std::pair{10000, 1}, {1, 1}, {3, 5000}, {641, 640}, {639, 640}})
        EXPECT_EQ(letterbox(Image(width, height, 3), 64, 32).canvas.pixels.size(), 3U * 64 * 32);
}

TEST(Letterbox, OddPaddingGoesToTheBottom) {
    const auto boxed = letterbox(grey(2, 1, {9, 9}), 2, 4);
    EXPECT_EQ(boxed.canvas.pixels, (Bytes{114, 114, 9, 9, 114, 114, 114, 114}));
}

TEST(ResizeArea, HalvesExactly) {
    const Image source = grey(4, 2, {0, 1, 10, 20, 0, 1, 30, 40});
    Image target(2, 1, 1);
    resize_area({source.pixels.data(), 4, 2, 1, 4}, {target.pixels.data(), 2, 1, 1, 2});
    EXPECT_EQ(target.pixels, (Bytes{1, 25}));  // (0+1+0+1)/4 = 0.5 rounds up
}

TEST(ResizeArea, WeighsPartlyCoveredPixels) {
    // 3 → 2: each target pixel covers one and a half: (a + b/2) / 1.5.
    const Image source = grey(3, 1, {0, 30, 90});
    Image target(2, 1, 1);
    resize_area({source.pixels.data(), 3, 1, 1, 3}, {target.pixels.data(), 2, 1, 1, 2});
    EXPECT_EQ(target.pixels, (Bytes{10, 70}));
    Image tall(1, 2, 1);
    resize_area({source.pixels.data(), 1, 3, 1, 1}, {tall.pixels.data(), 1, 2, 1, 1});
    EXPECT_EQ(tall.pixels, (Bytes{10, 70}));
}

TEST(ResizeArea, KeepsAConstantImage) {
    const Image source(7, 5, 3);
    for (const auto& [width, height] : {std::pair{7, 5}, {6, 5}, {3, 2}, {1, 1}, {2, 5}}) {
        Image filled = source;
        std::fill(filled.pixels.begin(), filled.pixels.end(), std::uint8_t{255});
        Image target(width, height, 3);
        resize_area({filled.pixels.data(), 7, 5, 3, 21},
                    {target.pixels.data(), width, height, 3, static_cast<std::size_t>(width) * 3});
        EXPECT_EQ(target.pixels, Bytes(target.pixels.size(), 255)) << width << "x" << height;
    }
}

TEST(ResizeBilinear, DoublesWithPixelCentres) {
    const Image source = grey(2, 1, {0, 100});
    Image target(4, 1, 1);
    resize_bilinear({source.pixels.data(), 2, 1, 1, 2}, {target.pixels.data(), 4, 1, 1, 4});
    EXPECT_EQ(target.pixels, (Bytes{0, 25, 75, 100}));
}

class GoldenInput : public testing::TestWithParam<const char*> {};

TEST_P(GoldenInput, Agrees) {
    const std::string name = GetParam();
    OCTET_NEEDS_SHARED("golden/" + name + ".input.png");
    const auto golden = load_image(shared_folder + "/golden/" + name + ".input.png");
    const auto frame = load_image(scenes_folder + "/images/" + name + ".jpg");
    ASSERT_TRUE(golden && frame);
    const Image canvas = letterbox(*frame, 640, 640).canvas;
    ASSERT_EQ(canvas.pixels.size(), golden->pixels.size());
    std::size_t different = 0;
    for (std::size_t i = 0; i < canvas.pixels.size(); ++i) different += canvas.pixels[i] != golden->pixels[i];
    EXPECT_EQ(different, 0U) << "of " << canvas.pixels.size() << " values";
}

INSTANTIATE_TEST_SUITE_P(Scenes, GoldenInput, testing::Values("scene-000001", "scene-000002", "scene-000003"));

}  // namespace
}  // namespace octet::vision
