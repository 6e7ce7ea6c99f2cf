#pragma once

// The arrays of data/truth, and of ../shared/truth what is too large for the repository.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace octet::engine::npu_emu {

// The folder that has `file`, its name alone or the beginning of one before a *.
inline std::optional<std::filesystem::path> truth_folder(const std::string& file) {
    const std::filesystem::path root(OCTET_SOURCE_DIR);
    const std::string folder = file.substr(0, file.find('/'));
    for (const char* where : {"data/truth", "../shared/truth"}) {
        if (std::filesystem::exists(root / where / folder)) return root / where;
    }
    return std::nullopt;
}

// "a*b" → what * stands for in the text, if it matches.
inline std::optional<std::string> match(const std::string& pattern, const std::string& text) {
    const std::size_t star = pattern.find('*');
    if (star == std::string::npos) return pattern == text ? std::optional<std::string>("") : std::nullopt;
    const std::string head = pattern.substr(0, star), tail = pattern.substr(star + 1);
    if (text.size() < head.size() + tail.size() || !text.starts_with(head) || !text.ends_with(tail))
        return std::nullopt;
    return text.substr(star, text.size() - head.size() - tail.size());
}

}  // namespace octet::engine::npu_emu
