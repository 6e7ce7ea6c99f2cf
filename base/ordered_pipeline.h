#pragma once

// Items that are taken one after the other, worked on side by side, and given away in the order in which they came:
//
//   take 0 1 2 3 …     one thread at a time
//   work 0 1 3 2 …     all threads
//   give 0 1 2 3 …     one thread at a time
//
// An item lives in a slot from before it is taken until after it was given, so slots bound the memory. Stages share the
// threads: one that has nothing to give takes the next item, and works on what it took.

#include <functional>

#include "base/thread_pool.h"

namespace octet {

struct PipelineStages {
    // The next item into the slot; false: there is no more.
    std::function<bool(int slot)> take;
    // thread is in [0, ThreadPool::size()).
    std::function<void(int slot, int thread)> work;
    // False: enough. Nothing is taken or given any more; what is worked on is finished and dropped.
    std::function<bool(int slot)> give;
};

// Slots that keep every thread busy while one item waits for another that takes longer.
int pipeline_slots(const ThreadPool& pool);

// Returns when all is given. Of what stages throw the first is thrown on, and no stage is begun after it.
void run_pipeline(ThreadPool& pool, int slots, const PipelineStages& stages);

}  // namespace octet
