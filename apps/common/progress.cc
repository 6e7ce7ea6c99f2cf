#include "apps/common/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <utility>

#include "apps/common/cli.h"
#include "apps/common/interruption.h"

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

Progress::Progress(std::string label, std::optional<std::size_t> total)
    : label_(std::move(label)),
      total_(total),
      enabled_((!total || *total > 1) && !is_quiet() && ::isatty(STDERR_FILENO) == 1) {
    if (enabled_ && !Interruption::is_handled()) {
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
    fmt::print(stderr, "\r\033[K{} ", label_);
    if (total_) {
        const std::size_t filled = *total_ == 0 ? width : width * std::min(count_, *total_) / *total_;
        fmt::print(stderr, "[{}{}] {}/{}", std::string(filled, '#'), std::string(width - filled, ' '), count_, *total_);
    } else {
        fmt::print(stderr, "{}", count_);
    }
    if (const double seconds = watch_.elapsed() / 1000; count_ > 0 && seconds > 0)
        fmt::print(stderr, ", {:.1f} a second", static_cast<double>(count_) / seconds);
    std::fflush(stderr);
    visible_ = true;
}

}  // namespace octet::apps
