#include "base/aligned_memory.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace octet {

AlignedBytes aligned_bytes(std::size_t size) {
    constexpr std::size_t huge_page = std::size_t{2} << 20;
    constexpr std::size_t cache_line = 64;
    const bool large = size >= huge_page;
    const auto alignment = std::align_val_t(large ? huge_page : cache_line);
    AlignedBytes bytes(static_cast<std::byte*>(::operator new(size, alignment)), {alignment});
#if defined(__linux__)
    // Only advice: a failure changes nothing.
    if (large) (void)madvise(bytes.get(), size / huge_page * huge_page, MADV_HUGEPAGE);
#endif
    return bytes;
}

}  // namespace octet
