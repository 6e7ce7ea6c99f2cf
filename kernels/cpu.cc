#include "kernels/cpu.h"

#ifdef OCTET_HAVE_X86_KERNELS
#include <cpuid.h>
#endif
#ifdef OCTET_HAVE_ARM_KERNELS
#include <sys/auxv.h>
#endif

#include <cstdlib>

namespace octet::kernels {
namespace {

#ifdef OCTET_HAVE_X86_KERNELS
constexpr bool x86_built = true;
#else
constexpr bool x86_built = false;
#endif

#ifdef OCTET_HAVE_ARM_KERNELS
constexpr bool arm_built = true;
#else
constexpr bool arm_built = false;
#endif

#ifdef OCTET_HAVE_AVXVNNI_EVEX
constexpr bool evex_built = true;
#else
constexpr bool evex_built = false;
#endif

constexpr Level all_levels[] = {
    {"reference", needs::reference, true},              //
    {"avx2", needs::avx2, x86_built},                   //
    {"avxvnni", needs::avxvnni, x86_built},             //
    {"avxvnni_evex", needs::avxvnni_evex, evex_built},  //
    {"avx512vnni", needs::avx512vnni, x86_built},
    {"neon", needs::neon, arm_built},                  //
    {"neon_dotprod", needs::neon_dotprod, arm_built},  //
    {"neon_i8mm", needs::neon_i8mm, arm_built},
};

CpuFeatures find_features() {
    CpuFeatures found;
    [[maybe_unused]] const auto add = [&](CpuFeatures feature, bool present) {
        if (present) found = found | feature;
    };
#ifdef OCTET_HAVE_X86_KERNELS
    // libgcc's check includes XGETBV: whether the operating system saves the wide registers.
    __builtin_cpu_init();
    add(features::avx2, __builtin_cpu_supports("avx2") != 0);
    add(features::fma, __builtin_cpu_supports("fma") != 0);
    add(features::avx512f, __builtin_cpu_supports("avx512f") != 0);
    add(features::avx512bw, __builtin_cpu_supports("avx512bw") != 0);
    add(features::avx512vl, __builtin_cpu_supports("avx512vl") != 0);
    add(features::avx512dq, __builtin_cpu_supports("avx512dq") != 0);
    add(features::avx512vnni, __builtin_cpu_supports("avx512vnni") != 0);
    // Not every compiler's builtin knows AVX-VNNI. Its registers are AVX2's.
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    const bool leaf = __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0;
    add(features::avxvnni, leaf && (eax & 1U << 4) != 0 && found.contains(features::avx2));
#endif
#ifdef OCTET_HAVE_ARM_KERNELS
    // Bits of Linux's interface (Documentation/arch/arm64/elf_hwcaps.rst); not every C library has names for all.
    const unsigned long first = getauxval(AT_HWCAP), second = getauxval(AT_HWCAP2);
    add(features::asimd, (first & 1UL << 1) != 0);
    add(features::asimddp, (first & 1UL << 20) != 0);
    add(features::i8mm, (second & 1UL << 13) != 0);
#endif
    return found;
}

}  // namespace

std::span<const Level> levels() {
    return all_levels;
}

const Level* find_level(std::string_view name) {
    for (const Level& level : all_levels) {
        if (name == level.name) return &level;
    }
    return nullptr;
}

CpuFeatures detect() {
    static const CpuFeatures found = find_features();
    return found;
}

bool runs(CpuFeatures needed) {
    return (detect() | features::stand_in).contains(needed);
}

bool available(const Level& level) {
    return level.built && runs(level.features);
}

const char* level_name(CpuFeatures features) {
    const char* name = all_levels[0].name;
    for (const Level& level : all_levels) {
        if (level.built && features.contains(level.features)) name = level.name;
    }
    return name;
}

tl::expected<CpuFeatures, std::string> choose_features() {
    return choose_features(std::getenv("OCTET_ISA"));
}

tl::expected<CpuFeatures, std::string> choose_features(const char* forced) {
    if (forced == nullptr || *forced == '\0') return detect();
    const std::string setting = "OCTET_ISA=" + std::string(forced);
    const Level* level = find_level(forced);
    if (level == nullptr) {
        std::string names;
        for (const Level& known : all_levels) {
            if (!names.empty()) names += &known == &std::end(all_levels)[-1] ? " or " : ", ";
            names += known.name;
        }
        return tl::unexpected(setting + " is unknown; use " + names);
    }
    if (available(*level)) return level->features;
    const char* why = level->built ? " is not supported by this CPU"
                                   : " is not part of this build (OCTET_SIMD is off, or the machine is another one)";
    return tl::unexpected(setting + why + "; the best level here is " + level_name(detect()));
}

CpuFeatures default_features() {
    return choose_features().value_or(detect());
}

}  // namespace octet::kernels
