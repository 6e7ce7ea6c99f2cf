#include "apps/common/host.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

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

std::string with_cores(const std::string& name, int cores) {
    return name + fmt::format(", {} core{}", cores, cores == 1 ? "" : "s");
}

struct ArmCore {
    unsigned implementer, part;  // bits 31..24 and 15..4 of MIDR_EL1
    const char* name;
};

constexpr ArmCore arm_cores[] = {
    {0x41, 0xD03, "Cortex-A53"},       {0x41, 0xD04, "Cortex-A35"},   {0x41, 0xD05, "Cortex-A55"},
    {0x41, 0xD07, "Cortex-A57"},       {0x41, 0xD08, "Cortex-A72"},   {0x41, 0xD09, "Cortex-A73"},
    {0x41, 0xD0A, "Cortex-A75"},       {0x41, 0xD0B, "Cortex-A76"},   {0x41, 0xD0C, "Neoverse N1"},
    {0x41, 0xD0D, "Cortex-A77"},       {0x41, 0xD0E, "Cortex-A76AE"}, {0x41, 0xD40, "Neoverse V1"},
    {0x41, 0xD41, "Cortex-A78"},       {0x41, 0xD42, "Cortex-A78AE"}, {0x41, 0xD44, "Cortex-X1"},
    {0x41, 0xD46, "Cortex-A510"},      {0x41, 0xD47, "Cortex-A710"},  {0x41, 0xD48, "Cortex-X2"},
    {0x41, 0xD49, "Neoverse N2"},      {0x41, 0xD4B, "Cortex-A78C"},  {0x41, 0xD4D, "Cortex-A715"},
    {0x41, 0xD4E, "Cortex-X3"},        {0x41, 0xD4F, "Neoverse V2"},  {0x41, 0xD80, "Cortex-A520"},
    {0x41, 0xD81, "Cortex-A720"},      {0x41, 0xD82, "Cortex-X4"},    {0x46, 0x001, "Fujitsu A64FX"},
    {0x48, 0xD01, "HiSilicon TSV110"},
};

}  // namespace

std::string cpu_description(const std::string& cpuinfo, int cores) {
    const std::string_view name = field(cpuinfo, "model name");
    const std::string_view family = field(cpuinfo, "cpu family"), model = field(cpuinfo, "model");
    std::string text(name.empty() ? "unknown CPU" : name);
    if (!family.empty() && !model.empty()) text += fmt::format(" (family {}, model {})", family, model);
    return with_cores(text, cores);
}

std::string arm_core_name(std::uint64_t midr) {
    const auto implementer = static_cast<unsigned>(midr >> 24 & 0xFF), part = static_cast<unsigned>(midr >> 4 & 0xFFF);
    for (const ArmCore& core : arm_cores) {
        if (core.implementer == implementer && core.part == part) return core.name;
    }
    return fmt::format("Arm core of implementer 0x{:02x}, part 0x{:03x}", implementer, part);
}

std::string arm_cpu_description(std::span<const std::uint64_t> midrs, int cores) {
    std::vector<std::pair<std::string, int>> kinds;  // in the order of their first core
    for (const std::uint64_t midr : midrs) {
        const std::string name = fmt::format("{} r{}p{}", arm_core_name(midr), midr >> 20 & 0xF, midr & 0xF);
        const auto known = std::ranges::find(kinds, name, &std::pair<std::string, int>::first);
        if (known == kinds.end()) {
            kinds.emplace_back(name, 1);
        } else {
            ++known->second;
        }
    }
    std::string text;
    for (const auto& [name, count] : kinds) {
        if (!text.empty()) text += " + ";
        text += kinds.size() == 1 ? name : fmt::format("{} x {}", count, name);
    }
    return with_cores(text.empty() ? "unknown CPU" : text, cores);
}

std::string cpu_description() {
#if defined(__aarch64__)
    std::vector<std::uint64_t> midrs;
    for (int cpu = 0;; ++cpu) {
        const std::string text =
            read_text(fmt::format("/sys/devices/system/cpu/cpu{}/regs/identification/midr_el1", cpu).c_str());
        if (!text.starts_with("0x")) break;
        std::uint64_t midr = 0;
        std::from_chars(text.data() + 2, text.data() + text.size(), midr, 16);
        midrs.push_back(midr);
    }
    constexpr unsigned long reads_ids = 1UL << 11;  // Linux answers for the register
    if (midrs.empty() && (getauxval(AT_HWCAP) & reads_ids) != 0) {
        std::uint64_t midr = 0;
        asm("mrs %0, midr_el1" : "=r"(midr));
        midrs.push_back(midr);
    }
    return arm_cpu_description(midrs, usable_cpus());
#else
    return cpu_description(read_text("/proc/cpuinfo"), usable_cpus());
#endif
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
