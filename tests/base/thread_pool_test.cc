#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>

#include "base/cpus.h"

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

// Whoever throws: the call throws it, nobody is in a body any more by then, and the next loop is as good as any.
TEST(ThreadPool, WhatABodyThrowsIsThrownByTheCall) {
    for (const int threads : {1, 2, 4}) {
        ThreadPool pool(threads);
        for (int repeat = 0; repeat < 200; ++repeat) {
            const std::int64_t bad = repeat % 50;
            std::atomic<int> inside = 0, bodies = 0;
            EXPECT_THROW(pool.run(50, 1,
                                  [&](std::int64_t begin, std::int64_t end, int) {
                                      ++inside;
                                      ++bodies;
                                      std::this_thread::yield();
                                      --inside;
                                      if (begin <= bad && bad < end) throw std::bad_alloc();
                                  }),
                         std::bad_alloc);
            EXPECT_EQ(inside.load(), 0);
            EXPECT_LE(bodies.load(), 50);
            std::atomic<int> sum = 0;
            pool.for_each(20, [&](std::int64_t i) { sum += static_cast<int>(i); });
            EXPECT_EQ(sum.load(), 190);
        }
    }
}

TEST(ThreadPool, AllBodiesMayThrow) {
    ThreadPool pool(4);
    for (int repeat = 0; repeat < 100; ++repeat)
        EXPECT_THROW(pool.for_each(64, [](std::int64_t i) { throw std::runtime_error(std::to_string(i)); }),
                     std::runtime_error);
}

TEST(ThreadPool, ZeroIsAsManyAsThereAreCpus) {
    EXPECT_EQ(ThreadPool(0).size(), usable_cpus());
}

}  // namespace
}  // namespace octet
