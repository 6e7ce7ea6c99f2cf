#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/stopwatch.h"

namespace octet::apps {

// A progress bar on stderr with what is done a second, and only when that is a terminal and the program may speak (cli.h: is_quiet). Not for
// several threads at once.
class Progress {
  public:
    // total: nothing where nobody knows how much will come.
    Progress(std::string label, std::optional<std::size_t> total);
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress() { hide(); }

    void step();
    // Takes the bar off the line, so that something else can be printed; the next step() brings it back.
    void hide();

  private:
    void draw();

    std::string label_;
    std::optional<std::size_t> total_;
    Stopwatch watch_;
    std::size_t count_ = 0;
    bool enabled_;
    bool visible_ = false;
};

}  // namespace octet::apps
