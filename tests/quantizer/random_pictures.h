#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>

#include "vision/image.h"
#include "vision/png.h"

namespace octet {

// a.png, b.png, … of random pixels, to calibrate on.
inline void save_random_pictures(const std::string& folder, int count, int width, int height) {
    std::mt19937 random(5);
    for (int i = 0; i < count; ++i) {
        vision::Image image(width, height, 3);
        for (auto& pixel : image.pixels) pixel = static_cast<std::uint8_t>(random() % 256);
        ASSERT_TRUE(vision::save_png(image, folder + "/" + static_cast<char>('a' + i) + ".png"));
    }
}

}  // namespace octet
