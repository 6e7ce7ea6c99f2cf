#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <numeric>

namespace octet {
namespace {

TEST(ThreadPool, EveryIndexRunsOnceWhateverTheGrain) {
    for (int threads : {1, 2, 3, 5}) {
        ThreadPool pool(threads);
        EXPECT_EQ(pool.size(), threads);
        for (std::int64_t count : {0, 1, 2, 7, 64, 1000}) {
            for (std::int64_t grain : {1, 3, 64}) {
                std::vector<std::atomic<int>> seen(static_cast<std::size_t>(count));
                pool.run(count, grain, [&](std::int64_t begin, std::int64_t end, int thread) {
                    ASSERT_GE(thread, 0);
                    ASSERT_LT(thread, threads);
                    for (std::int64_t i = begin; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
                });
                for (const auto& n : seen) EXPECT_EQ(n.load(), 1);
            }
        }
    }
}

TEST(ThreadPool, ManyShortLoopsInARow) {
    ThreadPool pool(3);
    std::atomic<std::int64_t> sum = 0;
    for (int i = 0; i < 2000; ++i) {
        pool.run(3, 1, [&](std::int64_t begin, std::int64_t end, int) { sum += end - begin; });
    }
    EXPECT_EQ(sum.load(), 6000);
}

TEST(ThreadPool, WakesAfterTheWorkersHaveGoneToSleep) {
    ThreadPool pool(2);
    std::atomic<int> sum = 0;
    for (int i = 0; i < 3; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        pool.run(2, 1, [&](std::int64_t, std::int64_t, int) { ++sum; });
    }
    EXPECT_EQ(sum.load(), 6);
}

}  // namespace
}  // namespace octet
