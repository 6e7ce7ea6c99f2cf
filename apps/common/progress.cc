#include "apps/common/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

namespace octet::apps {

Progress::Progress(std::string label, std::size_t total)
    : label_(std::move(label)), total_(total), enabled_(total > 1 && ::isatty(STDERR_FILENO) == 1) {
    draw();
}

void Progress::step() {
    ++count_;
    draw();
}

void Progress::hide() {
    if (!visible_) return;
    fmt::print(stderr, "\r\033[K");
    std::fflush(stderr);
    visible_ = false;
}

void Progress::draw() {
    if (!enabled_) return;
    constexpr std::size_t width = 30;
    const std::size_t filled = width * count_ / total_;
    fmt::print(stderr, "\r\033[K{} [{}{}] {}/{}", label_, std::string(filled, '#'), std::string(width - filled, ' '),
               count_, total_);
    std::fflush(stderr);
    visible_ = true;
}

}  // namespace octet::apps
