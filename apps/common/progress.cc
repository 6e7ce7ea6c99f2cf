#include "apps/common/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <utility>

#include "apps/common/cli.h"

namespace octet::apps {
namespace {

// Ctrl-C leaves an empty line for the shell's prompt, not half a bar.
void clear_and_die(int signal) {
    constexpr char clear[] = "\r\033[K";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, clear, sizeof clear - 1);
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

}  // namespace

Progress::Progress(std::string label, std::size_t total)
    : label_(std::move(label)), total_(total), enabled_(total > 1 && !is_quiet() && ::isatty(STDERR_FILENO) == 1) {
    if (enabled_) {
        for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, clear_and_die);
    }
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
