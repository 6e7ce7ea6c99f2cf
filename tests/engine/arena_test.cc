#include "engine/cpu/arena.h"

#include <gtest/gtest.h>

#include <random>

namespace octet::engine::cpu {
namespace {

Plane plane_of(std::size_t bytes, int first, int last) {
    Plane plane;
    plane.image_bytes = bytes;
    plane.first_step = first;
    plane.last_step = last;
    return plane;
}

TEST(Arena, PlanesThatFollowEachOtherShareMemory) {
    std::vector<Plane> planes = {plane_of(1000, 0, 1), plane_of(500, 1, 2), plane_of(1000, 2, 3)};
    EXPECT_EQ(assign_offsets(planes), 1024U + 500U);
    EXPECT_EQ(planes[0].offset, planes[2].offset);
}

TEST(Arena, NothingAliveAtTheSameTimeOverlaps) {
    std::mt19937 random(1);
    for (int round = 0; round < 50; ++round) {
        std::vector<Plane> planes;
        std::size_t total = 0;
        for (int i = 0; i < 60; ++i) {
            const int first = static_cast<int>(random() % 40);
            planes.push_back(plane_of(1 + random() % 5000, first, first + static_cast<int>(random() % 8)));
            total += planes.back().bytes() + 64;
        }
        const std::size_t arena = assign_offsets(planes);
        EXPECT_LT(arena, total);
        for (const Plane& a : planes) {
            EXPECT_EQ(a.offset % 64, 0U);
            EXPECT_LE(a.offset + a.bytes(), arena);
            for (const Plane& b : planes) {
                if (&a == &b || a.last_step < b.first_step || b.last_step < a.first_step) continue;
                EXPECT_TRUE(a.offset + a.bytes() <= b.offset || b.offset + b.bytes() <= a.offset);
            }
        }
    }
}

}  // namespace
}  // namespace octet::engine::cpu
