#include "base/did_you_mean.h"

#include <algorithm>
#include <cctype>

namespace octet {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

// The optimal string alignment distance (Damerau, Levenshtein); three rows of its table are alive.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::swap(before, last);
        std::swap(last, row);
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1] ? 1U : 0U)});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
        }
    }
    return row[b.size()];
}

}  // namespace

std::string did_you_mean(std::string_view given, const std::vector<std::string>& names) {
    constexpr std::size_t longest = 200;  // names come from files: the table must stay small
    if (given.size() > longest) return {};
    const std::string wanted = lower(given);
    const std::string* nearest = nullptr;
    std::size_t least = std::max<std::size_t>(wanted.size() / 3, 1) + 1;
    for (const std::string& name : names) {
        if (name.size() > longest) continue;
        const std::size_t changes = distance(wanted, lower(name));
        if (changes >= least) continue;
        least = changes;
        nearest = &name;
    }
    return nearest ? "; did you mean '" + *nearest + "'?" : std::string();
}

}  // namespace octet
