#include "kernels/dispatch.h"

#include <cstdlib>
#include <string_view>

namespace octet::kernels {

const char* isa_name(Isa isa) {
    switch (isa) {
        case Isa::reference:
            return "reference";
        case Isa::avx2:
            return "avx2";
        case Isa::avx512vnni:
            return "avx512vnni";
    }
    return "unknown";
}

bool isa_available(Isa isa) {
    if (isa == Isa::reference) return true;
#ifdef OCTET_HAVE_X86_KERNELS
    // libgcc's check includes XGETBV: whether the operating system saves the wide registers.
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (isa == Isa::avx2) return avx2;
    return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vnni");
#else
    return false;
#endif
}

Isa best_isa() {
    Isa best = Isa::reference;
    for (const Isa isa : all_isas) {
        if (isa_available(isa)) best = isa;
    }
    return best;
}

tl::expected<Isa, std::string> choose_isa() {
    return choose_isa(std::getenv("OCTET_ISA"));
}

tl::expected<Isa, std::string> choose_isa(const char* forced) {
    if (forced == nullptr || *forced == '\0') return best_isa();
    for (const Isa isa : all_isas) {
        if (std::string_view(forced) != isa_name(isa)) continue;
        if (isa_available(isa)) return isa;
#ifdef OCTET_HAVE_X86_KERNELS
        const char* why = " is not supported by this CPU";
#else
        const char* why = " is not part of this build (OCTET_SIMD is off, or the machine is not x86-64)";
#endif
        return tl::unexpected("OCTET_ISA=" + std::string(forced) + why + "; the best level here is " +
                              isa_name(best_isa()));
    }
    return tl::unexpected("OCTET_ISA=" + std::string(forced) + " is unknown; use reference, avx2 or avx512vnni");
}

}  // namespace octet::kernels
