#include "engine/aligned_memory.h"

#include "kernels/tensor_view.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace octet::engine {

AlignedBytes aligned_bytes(std::size_t size) {
    constexpr std::size_t huge_page = std::size_t{2} << 20;
    const bool large = size >= huge_page;
    const auto alignment = std::align_val_t(large ? huge_page : std::size_t{kernels::buffer_alignment});
    AlignedBytes bytes(static_cast<std::byte*>(::operator new(size, alignment)), {alignment});
#if defined(__linux__)
    // Only advice: a failure changes nothing.
    if (large) (void)madvise(bytes.get(), size / huge_page * huge_page, MADV_HUGEPAGE);
#endif
    return bytes;
}

}  // namespace octet::engine
