#pragma once

// What a CPU can do, as a set of features, and the levels: names for sets.
//
// Whoever chooses kernels is given the features that they may use; each kernel says which ones it needs. Nothing here
// is an order: of two sets neither may contain the other (AVX-VNNI and AVX-512 VNNI). The folder of a level is compiled
// with the flags of exactly its set.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace octet::kernels {

struct CpuFeatures {
    std::uint32_t bits = 0;

    constexpr bool contains(CpuFeatures needed) const { return (bits & needed.bits) == needed.bits; }
    friend constexpr bool operator==(CpuFeatures, CpuFeatures) = default;
    friend constexpr CpuFeatures operator|(CpuFeatures a, CpuFeatures b) { return {a.bits | b.bits}; }
};

namespace features {
inline constexpr CpuFeatures avx2{1U << 0}, fma{1U << 1};
inline constexpr CpuFeatures avx512f{1U << 2}, avx512bw{1U << 3}, avx512vl{1U << 4}, avx512dq{1U << 5};
inline constexpr CpuFeatures avx512vnni{1U << 6}, avxvnni{1U << 7};
inline constexpr CpuFeatures asimd{1U << 8}, asimddp{1U << 9}, i8mm{1U << 10};  // Linux's names of them
// No feature of a CPU: kernels that need it stand in for others in tests and benchmarks. Only naming their level gives
// it.
inline constexpr CpuFeatures stand_in{1U << 31};
}  // namespace features

// What the kernels of each level need.
namespace needs {
inline constexpr CpuFeatures reference{};
inline constexpr CpuFeatures avx2 = features::avx2 | features::fma;
inline constexpr CpuFeatures avxvnni = avx2 | features::avxvnni;
// The kernels of avxvnni with EVEX instead of VEX encodings, for CPUs that have AVX-512 and not AVX-VNNI.
inline constexpr CpuFeatures avxvnni_evex = avx2 | features::avx512vl | features::avx512vnni | features::stand_in;
inline constexpr CpuFeatures avx512vnni =
    avx2 | features::avx512f | features::avx512bw | features::avx512vl | features::avx512dq | features::avx512vnni;
inline constexpr CpuFeatures neon = features::asimd;
inline constexpr CpuFeatures neon_dotprod = neon | features::asimddp;
inline constexpr CpuFeatures neon_i8mm = neon_dotprod | features::i8mm;
}  // namespace needs

struct Level {
    const char* name;
    CpuFeatures features;  // kernels are chosen for these
    bool built;            // this build has its kernels
};

// Every level that octet knows, the better ones of an architecture last: what OCTET_ISA, tests, benchmarks and
// documents go through.
std::span<const Level> levels();
// nullptr: none of that name.
const Level* find_level(std::string_view name);

// What this CPU has and its operating system saves.
CpuFeatures detect();
// Whether this CPU runs kernels that need this, stand-ins too.
bool runs(CpuFeatures needed);
// Built, and this CPU runs it.
bool available(const Level& level);
// The best level whose kernels these features run.
const char* level_name(CpuFeatures features);

// The features of the level that OCTET_ISA names; unset or empty: detect(). The error is one line to show to the user.
tl::expected<CpuFeatures, std::string> choose_features();
tl::expected<CpuFeatures, std::string> choose_features(const char* forced);
// choose_features(), or detect() where that is an error: for those who have nobody to tell.
CpuFeatures default_features();

}  // namespace octet::kernels
