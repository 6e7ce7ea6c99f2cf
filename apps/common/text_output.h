#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "base/file.h"

namespace octet::apps {

// Text that comes in parts, to a file that appears when it is complete, or at once to stdout.
class TextOutput {
  public:
    // path: "-" is stdout.
    static Result<TextOutput> create(const std::string& path);
    Result<void> write(std::string_view text);
    Result<void> finish();

  private:
    std::optional<OutputFile> file_;
};

// A JSON object whose array `key`, which is empty in it, gets elements that come one after the other. Equal to
// json_text(whole, 1) and a line's end.
class JsonArrayOutput {
  public:
    static Result<JsonArrayOutput> create(const std::string& path, const std::string& whole, const std::string& key);
    // An element as json_text(element, 1).
    Result<void> add(std::string_view element);
    Result<void> finish();

  private:
    JsonArrayOutput(TextOutput out, std::string rest) : out_(std::move(out)), rest_(std::move(rest)) {}

    TextOutput out_;
    std::string rest_;
    bool is_empty_ = true;
};

}  // namespace octet::apps
