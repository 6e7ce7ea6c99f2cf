#include "base/thread_pool.h"

#include <algorithm>
#include <utility>

#include "base/cpus.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace octet {
namespace {

// The steps of a network follow each other within microseconds, while waking a sleeping thread takes tens of them: a
// worker spins this many times before it sleeps.
constexpr int spins = 4000;

void pause() {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("isb" ::: "memory");  // waits about as long as x86's pause; `yield` does nothing on most cores
#else
    std::this_thread::yield();
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
    if (threads <= 0) threads = usable_cpus();
    workers_.reserve(static_cast<std::size_t>(threads - 1));
    try {
        for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { worker_loop(i); });
    } catch (const std::exception&) {
        // A limit of the system, or no memory for another stack: those that have started do the work.
    }
}

ThreadPool::~ThreadPool() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
        generation_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run_erased(std::int64_t count, std::int64_t grain, void* context, Trampoline body) {
    if (count <= 0) return;
    if (workers_.empty() || count <= grain) {
        body(context, 0, count, 0);
        return;
    }
    count_ = count;
    grain_ = grain;
    context_ = context;
    body_ = body;
    next_.store(0, std::memory_order_relaxed);
    busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
    {
        const std::lock_guard lock(mutex_);
        generation_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    work(0);
    for (int i = 0; busy_.load(std::memory_order_acquire) != 0; ++i) {
        if (i < spins) {
            pause();
        } else {
            std::this_thread::yield();
        }
    }
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void ThreadPool::work(int thread) noexcept {
    try {
        for (;;) {
            const std::int64_t begin = next_.fetch_add(grain_, std::memory_order_relaxed);
            if (begin >= count_) return;
            body_(context_, begin, std::min(begin + grain_, count_), thread);
        }
    } catch (...) {
        next_.store(count_, std::memory_order_relaxed);
        const std::lock_guard lock(mutex_);
        if (!error_) error_ = std::current_exception();
    }
}

void ThreadPool::worker_loop(int thread) {
    std::uint64_t seen = 0;
    for (;;) {
        for (int i = 0; i < spins && generation_.load(std::memory_order_acquire) == seen; ++i) pause();
        if (generation_.load(std::memory_order_acquire) == seen) {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [&] { return generation_.load(std::memory_order_acquire) != seen; });
        }
        ++seen;
        if (stop_) return;
        work(thread);
        busy_.fetch_sub(1, std::memory_order_release);
    }
}

}  // namespace octet
