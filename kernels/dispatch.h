#pragma once

// Lists of implementations.
//
// A family's list is ordered fast to reference; the first entry is chosen whose needs are among the features that may
// be used and, where the family has conditions, which does not refuse the case. The reference needs and refuses
// nothing. Names: op_types_tile_level, e.g. conv_u8s8_14x32_avx512vnni.

#include <cstdint>
#include <span>

#include "kernels/cpu.h"

namespace octet::kernels {

template <typename Function>
struct KernelEntry {
    const char* name;
    CpuFeatures needs;
    Function* run;
};

template <typename Function>
using KernelList = std::span<const KernelEntry<Function>>;

template <typename Function>
const KernelEntry<Function>& select(KernelList<Function> list, CpuFeatures features) {
    for (const auto& entry : list) {
        if (features.contains(entry.needs)) return entry;
    }
    return list.back();
}

}  // namespace octet::kernels
