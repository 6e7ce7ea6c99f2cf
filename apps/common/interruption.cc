#include "apps/common/interruption.h"

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdio>

namespace octet::apps {
namespace {

constexpr std::array<int, 2> signals = {SIGINT, SIGTERM};
volatile std::sig_atomic_t asked = 0;
bool handled = false;
std::array<struct sigaction, signals.size()> before;

extern "C" void ask(int signal) {
    asked = signal;
    for (const int one : signals) std::signal(one, SIG_DFL);
}

}  // namespace

Interruption::Interruption(bool reads_end) {
    asked = 0;
    handled = true;
    struct sigaction action {};
    action.sa_handler = ask;
    action.sa_flags = reads_end ? 0 : SA_RESTART;
    for (std::size_t i = 0; i < signals.size(); ++i) {
        sigaction(signals[i], nullptr, &before[i]);
        // Whoever started the program may want it to ignore them: nohup, a shell's background.
        if (before[i].sa_handler != SIG_IGN) sigaction(signals[i], &action, nullptr);
    }
}

Interruption::~Interruption() {
    for (std::size_t i = 0; i < signals.size(); ++i) sigaction(signals[i], &before[i], nullptr);
    handled = false;
}

bool Interruption::is_handled() {
    return handled;
}

bool Interruption::is_asked() {
    return asked != 0;
}

void Interruption::die_if_asked() {
    if (asked == 0) return;
    std::fflush(nullptr);
    std::signal(asked, SIG_DFL);
    std::raise(asked);
}

}  // namespace octet::apps
