#pragma once

#include <chrono>

namespace octet {

// Milliseconds since construction or the last lap().
class Stopwatch {
  public:
    double lap() {
        const auto now = Clock::now();
        const double milliseconds = std::chrono::duration<double, std::milli>(now - start_).count();
        start_ = now;
        return milliseconds;
    }
    // The same without beginning a new one.
    double elapsed() const { return std::chrono::duration<double, std::milli>(Clock::now() - start_).count(); }

  private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point start_ = Clock::now();
};

}  // namespace octet
