#include "engine/arena.h"

#include <gtest/gtest.h>

#include <random>

namespace octet::engine {
namespace {

TEST(Arena, PiecesThatFollowEachOtherShareMemory) {
    const std::vector<Lifetime> pieces = {{1000, 0, 1}, {500, 1, 2}, {1000, 2, 3}};
    const Arena arena = place(pieces, 64);
    EXPECT_EQ(arena.bytes, 1024U + 500U);
    EXPECT_EQ(arena.offsets[0], arena.offsets[2]);
    EXPECT_EQ(place(pieces, 16).bytes, 1008U + 500U);
    EXPECT_EQ(place({}, 64).bytes, 0U);
}

TEST(Arena, NothingAliveAtTheSameTimeOverlaps) {
    std::mt19937 random(1);
    for (int round = 0; round < 50; ++round) {
        std::vector<Lifetime> pieces;
        std::size_t total = 0;
        for (int i = 0; i < 60; ++i) {
            const int first = static_cast<int>(random() % 40);
            pieces.push_back({1 + random() % 5000, first, first + static_cast<int>(random() % 8)});
            total += pieces.back().bytes + 64;
        }
        const auto [offsets, bytes] = place(pieces, 64);
        EXPECT_LT(bytes, total);
        for (std::size_t a = 0; a < pieces.size(); ++a) {
            EXPECT_EQ(offsets[a] % 64, 0U);
            EXPECT_LE(offsets[a] + pieces[a].bytes, bytes);
            for (std::size_t b = 0; b < a; ++b) {
                if (pieces[a].last_step < pieces[b].first_step || pieces[b].last_step < pieces[a].first_step) continue;
                EXPECT_TRUE(offsets[a] + pieces[a].bytes <= offsets[b] || offsets[b] + pieces[b].bytes <= offsets[a]);
            }
        }
    }
}

}  // namespace
}  // namespace octet::engine
