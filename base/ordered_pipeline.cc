#include "base/ordered_pipeline.h"

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

namespace octet {
namespace {

class Pipeline {
  public:
    Pipeline(int slots, const PipelineStages& stages)
        : stages_(stages), is_worked_(static_cast<std::size_t>(slots), false) {}

    // What each thread does until nothing is left.
    void help(int thread) {
        std::unique_lock lock(mutex_);
        try {
            while (!is_over()) {
                if (can_give()) {
                    give(lock);
                } else if (can_take()) {
                    take_and_work(lock, thread);
                } else {
                    changed_.wait(lock);
                }
            }
        } catch (...) {
            if (!lock.owns_lock()) lock.lock();
            stopped_ = true;
            changed_.notify_all();
            throw;
        }
    }

  private:
    int slot_of(std::int64_t item) const { return static_cast<int>(item % std::ssize(is_worked_)); }
    bool is_over() const { return stopped_ || (ended_ && given_ == taken_); }
    bool can_give() const { return !giving_ && given_ < taken_ && is_worked_[slot_of(given_)]; }
    bool can_take() const { return !ended_ && !taking_ && taken_ - given_ < std::ssize(is_worked_); }

    void give(std::unique_lock<std::mutex>& lock) {
        const int slot = slot_of(given_);
        giving_ = true;
        lock.unlock();
        const bool wants_more = stages_.give(slot);
        lock.lock();
        giving_ = false;
        is_worked_[slot] = false;
        ++given_;
        stopped_ = stopped_ || !wants_more;
        changed_.notify_all();
    }

    void take_and_work(std::unique_lock<std::mutex>& lock, int thread) {
        const int slot = slot_of(taken_);
        taking_ = true;
        lock.unlock();
        const bool is_item = stages_.take(slot);
        lock.lock();
        taking_ = false;
        if (is_item) {
            ++taken_;
        } else {
            ended_ = true;
        }
        changed_.notify_all();
        if (!is_item || stopped_) return;

        lock.unlock();
        stages_.work(slot, thread);
        lock.lock();
        is_worked_[slot] = true;
        changed_.notify_all();
    }

    const PipelineStages& stages_;
    std::mutex mutex_;
    std::condition_variable changed_;
    // Items [given_, taken_) are in flight.
    std::int64_t taken_ = 0, given_ = 0;
    std::vector<char> is_worked_;  // by slot
    bool taking_ = false, giving_ = false, ended_ = false, stopped_ = false;
};

}  // namespace

int pipeline_slots(const ThreadPool& pool) {
    return pool.size() + 2;
}

void run_pipeline(ThreadPool& pool, int slots, const PipelineStages& stages) {
    Pipeline pipeline(slots, stages);
    pool.run(pool.size(), 1, [&](std::int64_t, std::int64_t, int thread) { pipeline.help(thread); });
}

}  // namespace octet
