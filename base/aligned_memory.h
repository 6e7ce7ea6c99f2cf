#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace octet {

struct AlignedDelete {
    std::align_val_t alignment{};
    void operator()(std::byte* p) const { ::operator delete(p, alignment); }
};
using AlignedBytes = std::unique_ptr<std::byte[], AlignedDelete>;

// Memory aligned to 64 bytes at least. Large blocks ask for huge pages, as far as the system has them:
// a run passes through all weights once, and each small page costs it a walk through the page tables.
AlignedBytes aligned_bytes(std::size_t size);

}  // namespace octet
