#include "base/cpus.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <sstream>
#include <string_view>
#include <thread>

#include "base/file.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

constexpr double no_quota = std::numeric_limits<double>::infinity();

// Empty when it cannot be read.
std::string text_of(const fs::path& path) {
    constexpr std::size_t limit = std::size_t{1} << 20;
    const auto bytes = read_file(path.string(), limit);
    return bytes ? std::string(bytes->begin(), bytes->end()) : std::string();
}

// Microseconds of CPU time in each period; nothing for "max", -1 and whatever else is no positive number.
std::optional<double> positive(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || value <= 0) return std::nullopt;
    return static_cast<double>(value);
}

double ratio(std::string_view quota, std::string_view period) {
    const auto part = positive(quota), whole = positive(period);
    return part && whole ? *part / *whole : no_quota;
}

// Of the one group whose folder this is.
double quota_of(const fs::path& group) {
    const std::string v2 = text_of(group / "cpu.max");  // "QUOTA PERIOD"
    const std::size_t space = v2.find(' ');
    if (space != std::string::npos) return ratio(v2, std::string_view(v2).substr(space + 1));
    return ratio(text_of(group / "cpu.cfs_quota_us"), text_of(group / "cpu.cfs_period_us"));
}

// Of the group and those around it. In a container the path may be one that only its host sees; what is mounted is then
// the container's own group.
double smallest_quota(const fs::path& mount, const fs::path& path) {
    double smallest = quota_of(mount);
    fs::path group = mount;
    for (const fs::path& part : path.relative_path()) {
        if (part == "..") break;  // outside of what this process sees
        group /= part;
        smallest = std::min(smallest, quota_of(group));
    }
    return smallest;
}

bool has_item(std::string_view list, std::string_view item) {
    while (!list.empty()) {
        const std::string_view first = list.substr(0, list.find(','));
        if (first == item) return true;
        list.remove_prefix(std::min(list.size(), first.size() + 1));
    }
    return false;
}

int affinity_cpus() {
    // The kernel refuses a set that is smaller than its own.
    for (int cpus = CPU_SETSIZE; cpus <= (1 << 20); cpus *= 2) {
        const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(CPU_ALLOC(cpus),
                                                                   [](cpu_set_t* used) { CPU_FREE(used); });
        if (!set) break;
        const std::size_t bytes = CPU_ALLOC_SIZE(cpus);
        if (sched_getaffinity(0, bytes, set.get()) == 0) return CPU_COUNT_S(bytes, set.get());
        if (errno != EINVAL) break;
    }
    return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

double cpu_quota(const std::string& root) {
    const fs::path mounts = root + "/sys/fs/cgroup";
    std::istringstream lines(text_of(root + "/proc/self/cgroup"));
    double smallest = no_quota;
    for (std::string line; std::getline(lines, line);) {
        // "ID:CONTROLLERS:PATH"; version 2 names no controllers.
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const fs::path path = line.substr(second + 1);
        if (controllers.empty()) {
            for (const fs::path& mount : {mounts, mounts / "unified"})
                smallest = std::min(smallest, smallest_quota(mount, path));
        } else if (has_item(controllers, "cpu")) {
            for (const fs::path& mount : {mounts / controllers, mounts / "cpu"})
                smallest = std::min(smallest, smallest_quota(mount, path));
        }
    }
    return smallest;
}

int usable_cpus() {
    return static_cast<int>(std::max(1.0, std::min(static_cast<double>(affinity_cpus()), cpu_quota())));
}

}  // namespace octet
