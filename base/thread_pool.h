#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace octet {

// A team of threads that run one loop together. The caller is one of them, so ThreadPool(1) starts none.
// No call allocates. One loop at a time: run() must not be called from within a body, nor from two threads at once.
class ThreadPool {
  public:
    // 0: as many as usable_cpus(). Where the system gives fewer threads than that, the team is smaller.
    explicit ThreadPool(int threads);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    int size() const { return static_cast<int>(workers_.size()) + 1; }

    // Calls body(begin, end, thread) on disjoint ranges that cover [0, count); each range is at most `grain` long and
    // goes to whichever thread is free. `thread` is in [0, size()). Returns when no thread is in a body any more. Of
    // what bodies throw the first is thrown on; ranges that had not begun by then are left out.
    template <typename Body>
    void run(std::int64_t count, std::int64_t grain, Body&& body) {
        using Plain = std::remove_reference_t<Body>;
        run_erased(count, grain, const_cast<std::remove_const_t<Plain>*>(&body),
                   [](void* context, std::int64_t begin, std::int64_t end, int thread) {
                       (*static_cast<Plain*>(context))(begin, end, thread);
                   });
    }

    // Calls body(i) for every i in [0, count) likewise.
    template <typename Body>
    void for_each(std::int64_t count, const Body& body) {
        run(count, 1, [&](std::int64_t begin, std::int64_t end, int) {
            for (std::int64_t i = begin; i < end; ++i) body(i);
        });
    }

  private:
    using Trampoline = void (*)(void* context, std::int64_t begin, std::int64_t end, int thread);
    void run_erased(std::int64_t count, std::int64_t grain, void* context, Trampoline body);
    void work(int thread) noexcept;
    void worker_loop(int thread);

    std::vector<std::thread> workers_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::atomic<std::uint64_t> generation_{0};
    std::atomic<int> busy_{0};
    std::atomic<std::int64_t> next_{0};
    std::int64_t count_ = 0;
    std::int64_t grain_ = 1;
    void* context_ = nullptr;
    Trampoline body_ = nullptr;
    std::exception_ptr error_;  // of the loop that runs; written under mutex_
    bool stop_ = false;
};

}  // namespace octet
