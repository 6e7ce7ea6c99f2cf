#pragma once

// Levels of instruction sets, and lists of implementations.
//
// A family's list is ordered fast to reference; an entry is chosen when its level is at most the requested one and,
// where the family has conditions, when it does not refuse the case. The reference refuses nothing. Names:
// op_types_tile_isa, e.g. conv_u8s8_12x32_avx512vnni.

#include <cassert>
#include <cstdint>
#include <span>
#include <string>
#include <tl/expected.hpp>

namespace octet::kernels {

enum class Isa : uint8_t { reference, avx2, avx512vnni };

inline constexpr Isa all_isas[] = {Isa::reference, Isa::avx2, Isa::avx512vnni};

const char* isa_name(Isa isa);
// Built in, and the CPU and the operating system have it.
bool isa_available(Isa isa);
Isa best_isa();

// OCTET_ISA=reference|avx2|avx512vnni forces a level; unset or empty: best_isa(). The error is one line to show to the
// user.
tl::expected<Isa, std::string> choose_isa();
tl::expected<Isa, std::string> choose_isa(const char* forced);

template <typename Function>
struct KernelEntry {
    const char* name;
    Isa isa;
    Function* run;
};

template <typename Function>
using KernelList = std::span<const KernelEntry<Function>>;

template <typename Function>
const KernelEntry<Function>& select(KernelList<Function> list, Isa isa) {
    for (const auto& entry : list) {
        if (entry.isa <= isa) return entry;
    }
    return list.back();
}

}  // namespace octet::kernels
