#pragma once

// Buffers for kernel tests: a page without access follows each of them, the view is a channel slice of a wider buffer,
// and everything outside the view is known, so that over-reads crash and over-writes are found.

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/cpu.h"
#include "kernels/tensor_view.h"

namespace octet::kernels {

using Random = std::mt19937;

inline int random_int(Random& random, int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
}

class GuardedMemory {
  public:
    explicit GuardedMemory(std::size_t bytes) {
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        size_ = (bytes + page - 1) / page * page + page;
        base_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (base_ == MAP_FAILED) throw std::bad_alloc();
        mprotect(static_cast<char*>(base_) + size_ - page, page, PROT_NONE);
        data_ = static_cast<char*>(base_) + size_ - page - bytes;
    }
    ~GuardedMemory() { munmap(base_, size_); }
    GuardedMemory(const GuardedMemory&) = delete;
    GuardedMemory& operator=(const GuardedMemory&) = delete;
    void* data() const { return data_; }

  private:
    void* base_;
    std::size_t size_;
    void* data_;
};

struct Slice {
    int before = 0, after = 0;  // channels of the buffer around the view's
};

template <typename T>
class Plane {
  public:
    Plane(int h, int w, int c, int halo, Slice slice, Random& random)
        : layout_(plane_layout(h, w, slice.before + c + slice.after, halo, sizeof(T))),
          memory_(static_cast<std::size_t>(layout_.elements) * sizeof(T)),
          view_(view_of(static_cast<T*>(memory_.data()), layout_, slice.before, c)) {
        for (std::int64_t i = 0; i < layout_.elements; ++i) buffer()[i] = static_cast<T>(random());
    }

    const TensorView<T>& view() const { return view_; }
    TensorView<const T> read() const { return view_.as_const(); }
    T* buffer() const { return static_cast<T*>(memory_.data()); }

    void fill(T value) {
        for (std::int64_t i = 0; i < layout_.elements; ++i) buffer()[i] = value;
    }
    std::vector<T> copy() const { return {buffer(), buffer() + layout_.elements}; }
    void restore(const std::vector<T>& values) { std::memcpy(buffer(), values.data(), values.size() * sizeof(T)); }

    // The whole buffer, so that a write outside the view differs too.
    testing::AssertionResult equals(const std::vector<T>& expected) const {
        for (std::int64_t i = 0; i < layout_.elements; ++i) {
            if (buffer()[i] == expected[static_cast<std::size_t>(i)]) continue;
            const std::int64_t offset = i - (view_.data - buffer());
            const auto row = (offset + 1000 * layout_.row_stride) / layout_.row_stride - 1000;
            const std::int64_t in_row = offset - row * layout_.row_stride;
            return testing::AssertionFailure()
                   << "row " << row << ", pixel " << in_row / layout_.pixel_stride << ", channel "
                   << in_row % layout_.pixel_stride << " of " << layout_.h << "x" << layout_.w << "x" << view_.c
                   << " is " << +buffer()[i] << ", expected " << +expected[static_cast<std::size_t>(i)];
        }
        return testing::AssertionSuccess();
    }

  private:
    PlaneLayout layout_;
    GuardedMemory memory_;
    TensorView<T> view_;
};

#define OCTET_SKIP_WITHOUT(NEEDS) \
    if (!runs(NEEDS)) GTEST_SKIP() << "this CPU lacks what level " << level_name(NEEDS) << " needs"

// A kernel's name as a parametrized test's suffix.
inline constexpr auto kernel_name = [](const auto& test) { return std::string(test.param.name); };

}  // namespace octet::kernels
