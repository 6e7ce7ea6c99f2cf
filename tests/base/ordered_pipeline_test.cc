#include "base/ordered_pipeline.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <new>
#include <random>
#include <thread>
#include <vector>

namespace octet {
namespace {

TEST(OrderedPipeline, GivesInTheOrderOfTakingAndNeverHoldsMoreThanItsSlots) {
    for (const int threads : {1, 2, 3, 5}) {
        ThreadPool pool(threads);
        for (const int slots : {1, 2, pipeline_slots(pool)}) {
            constexpr int count = 60;
            std::vector<int> item(static_cast<std::size_t>(slots)), result(item);
            std::vector<int> given;
            std::atomic<int> taking = 0, giving = 0, in_flight = 0, most = 0;
            int next = 0;
            run_pipeline(pool, slots,
                         {.take =
                              [&](int slot) {
                                  EXPECT_EQ(++taking, 1);
                                  const bool is_item = next < count;
                                  if (is_item) {
                                      item[static_cast<std::size_t>(slot)] = next++;
                                      most = std::max(most.load(), ++in_flight);
                                  }
                                  --taking;
                                  return is_item;
                              },
                          .work =
                              [&](int slot, int thread) {
                                  EXPECT_LT(thread, threads);
                                  const int value = item[static_cast<std::size_t>(slot)];
                                  // The first of three takes longest.
                                  std::this_thread::sleep_for(std::chrono::microseconds(200 * (2 - value % 3)));
                                  result[static_cast<std::size_t>(slot)] = value * value;
                              },
                          .give =
                              [&](int slot) {
                                  EXPECT_EQ(++giving, 1);
                                  given.push_back(result[static_cast<std::size_t>(slot)]);
                                  --giving;
                                  --in_flight;
                                  return true;
                              }});
            ASSERT_EQ(given.size(), count) << threads << " threads, " << slots << " slots";
            for (int i = 0; i < count; ++i) ASSERT_EQ(given[static_cast<std::size_t>(i)], i * i);
            EXPECT_LE(most, slots);
        }
    }
}

TEST(OrderedPipeline, WorksOnSeveralAtOnce) {
    ThreadPool pool(3);
    std::atomic<int> working = 0, most = 0;
    int next = 0;
    run_pipeline(pool, pipeline_slots(pool),
                 {.take = [&](int) { return next++ < 30; },
                  .work =
                      [&](int, int) {
                          const int now = ++working;
                          for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
                          }
                          std::this_thread::sleep_for(std::chrono::milliseconds(3));
                          --working;
                      },
                  .give = [](int) { return true; }});
    EXPECT_EQ(most, 3);
}

TEST(OrderedPipeline, StopsWhenNoMoreIsWanted) {
    for (const int threads : {1, 2, 5}) {
        ThreadPool pool(threads);
        int next = 0, given = 0;
        run_pipeline(pool, pipeline_slots(pool),
                     {.take = [&](int) { return next++ < 1000; },
                      .work = [](int, int) {},
                      .give = [&](int) { return ++given < 4; }});
        EXPECT_EQ(given, 4);
        EXPECT_LE(next, 4 + threads + 2);
    }
}

// Whichever stage throws, the call throws it, and no stage is running by then.
TEST(OrderedPipeline, WhatAStageThrowsIsThrownByTheCall) {
    for (const int threads : {1, 2, 4}) {
        ThreadPool pool(threads);
        for (const int bad_stage : {0, 1, 2}) {
            std::atomic<int> inside = 0;
            int next = 0, given = 0;
            const auto stage = [&](int number, bool is_bad) {
                ++inside;
                std::this_thread::yield();
                --inside;
                if (number == bad_stage && is_bad) throw std::bad_alloc();
                return true;
            };
            EXPECT_THROW(run_pipeline(pool, pipeline_slots(pool),
                                      {.take = [&](int) { return stage(0, next++ == 7); },
                                       .work = [&](int slot, int) { stage(1, slot == 0); },
                                       .give = [&](int) { return stage(2, given++ == 5); }}),
                         std::bad_alloc);
            EXPECT_EQ(inside, 0);
        }
    }
}

TEST(OrderedPipeline, OfNothingGivesNothing) {
    ThreadPool pool(2);
    run_pipeline(pool, 4,
                 {.take = [](int) { return false; },
                  .work = [](int, int) { FAIL(); },
                  .give = [](int) { return ADD_FAILURE(), true; }});
}

}  // namespace
}  // namespace octet
