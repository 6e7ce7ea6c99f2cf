#pragma once

// YOLOP on many pictures: one picture a thread, each through a network of its own, which leaves no thread waiting at the
// end of a layer. Where there are fewer pictures than threads, a network has several.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ordered_pipeline.h"
#include "base/thread_pool.h"
#include "yolop/yolop.h"

namespace octet::yolop {

class Pipeline {
  public:
    // threads: 0 for usable_cpus(). pictures: nothing where nobody knows how many will come. `name` of the model stands
    // in errors.
    static Result<Pipeline> create(const std::shared_ptr<const engine::Executable>& executable, const std::string& name,
                                   int threads, std::optional<std::int64_t> pictures);

    // Takes items until there is none, works on them side by side, and gives what comes of them in the order of the
    // items, until `give` says false: ordered_pipeline.h. threads + 2 items are in flight at most.
    template <typename Item, typename Done>
    void run(const std::function<std::optional<Item>()>& take, const std::function<Done(Yolop&, Item)>& work,
             const std::function<bool(Done)>& give) {
        struct Slot {
            std::optional<Item> item;
            std::optional<Done> done;
        };
        std::vector<Slot> slots(static_cast<std::size_t>(pipeline_slots(*pool_)));
        const auto at = [&](int slot) -> Slot& { return slots[static_cast<std::size_t>(slot)]; };
        run_pipeline(*pool_, static_cast<int>(slots.size()),
                     {.take = [&](int slot) { return (at(slot).item = take()).has_value(); },
                      .work =
                          [&](int slot, int thread) {
                              Item item = *std::exchange(at(slot).item, std::nullopt);
                              at(slot).done = work(networks_[static_cast<std::size_t>(thread)], std::move(item));
                          },
                      .give = [&](int slot) { return give(*std::exchange(at(slot).done, std::nullopt)); }});
    }

    // Side by side.
    int networks() const { return static_cast<int>(networks_.size()); }
    int threads_of_each() const { return networks_.front().threads(); }
    // Of the network's input.
    int input_width() const { return networks_.front().input_width(); }
    int input_height() const { return networks_.front().input_height(); }
    int batch() const { return networks_.front().batch(); }

  private:
    Pipeline(std::unique_ptr<ThreadPool> pool, std::vector<Yolop> networks)
        : pool_(std::move(pool)), networks_(std::move(networks)) {}

    std::unique_ptr<ThreadPool> pool_;
    std::vector<Yolop> networks_;  // one for each thread of the pool
};

}  // namespace octet::yolop
