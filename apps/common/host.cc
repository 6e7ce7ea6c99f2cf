#include "apps/common/host.h"

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <iterator>
#include <string_view>

#include "base/cpus.h"

namespace octet::apps {
namespace {

// The value of the first line "key : value" or "key:value"; empty when there is none.
std::string_view field(std::string_view text, std::string_view key) {
    constexpr std::string_view blank = " \t";
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        const std::string_view name = line.substr(0, line.find_last_not_of(blank, colon - 1) + 1);
        if (colon == 0 || name != key) continue;
        const std::size_t start = line.find_first_not_of(blank, colon + 1);
        return start == std::string_view::npos ? std::string_view{} : line.substr(start);
    }
    return {};
}

std::string read_text(const char* path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::string cpu_description(const std::string& cpuinfo, int cores) {
    const std::string_view name = field(cpuinfo, "model name");
    const std::string_view family = field(cpuinfo, "cpu family"), model = field(cpuinfo, "model");
    std::string text(name.empty() ? "unknown CPU" : name);
    if (!family.empty() && !model.empty()) text += fmt::format(" (family {}, model {})", family, model);
    return text + fmt::format(", {} core{}", cores, cores == 1 ? "" : "s");
}

std::string cpu_description() {
    return cpu_description(read_text("/proc/cpuinfo"), usable_cpus());
}

double peak_memory_mb() {
    // Not getrusage(): its maximum survives exec(), so it may be that of the program that started this one.
    const std::string status = read_text("/proc/self/status");
    const std::string_view peak = field(status, "VmHWM");
    double kibibytes = 0;
    if (std::from_chars(peak.data(), peak.data() + peak.size(), kibibytes).ec != std::errc{}) return 0;
    return kibibytes * 1024 / 1e6;
}

}  // namespace octet::apps
