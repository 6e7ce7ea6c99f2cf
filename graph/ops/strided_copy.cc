#include "graph/ops/strided_copy.h"

#include <cstring>

#include "graph/ops/loops.h"

namespace octet::ops {
namespace {

// Dimensions of one element vanish, neighbours that continue each other merge.
void merge_dimensions(Shape& shape, std::vector<std::int64_t>& strides) {
    Shape dims;
    std::vector<std::int64_t> steps;
    for (std::size_t d = 0; d < shape.size(); ++d) {
        if (shape[d] == 1) continue;
        if (!dims.empty() && steps.back() == strides[d] * shape[d]) {
            dims.back() *= shape[d];
            steps.back() = strides[d];
        } else {
            dims.push_back(shape[d]);
            steps.push_back(strides[d]);
        }
    }
    if (dims.empty()) {
        dims = {1};
        steps = {1};
    }
    shape = std::move(dims);
    strides = std::move(steps);
}

template <typename T>
void copy_run(const T* from, std::int64_t stride, std::int64_t count, T* to) {
    if (stride == 1) {
        std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(T));
    } else if (stride == 0) {
        std::fill_n(to, count, *from);
    } else {
        for (std::int64_t i = 0; i < count; ++i) to[i] = from[i * stride];
    }
}

}  // namespace

void strided_copy(const ParallelFor& parallel_for, const Tensor& source, const StridedView& view, Tensor& out) {
    if (out.size() == 0) return;
    Shape dims = out.shape();
    std::vector<std::int64_t> strides = view.strides;
    merge_dimensions(dims, strides);
    const std::int64_t run = dims.back();
    const std::int64_t run_stride = strides.back();
    const Shape rows(dims.begin(), dims.end() - 1);
    dispatch_size(out.dtype(), [&]<typename T>() {
        const T* from = elements<T>(source) + view.origin;
        T* to = mutable_elements<T>(out);
        parallel_ranges(parallel_for, out.size() / run, row_grain(run), [&](std::int64_t begin, std::int64_t end) {
            std::vector<std::int64_t> index(rows.size());
            for (std::int64_t d = static_cast<std::int64_t>(rows.size()) - 1, rest = begin; d >= 0; --d) {
                index[d] = rest % rows[d];
                rest /= rows[d];
            }
            for (std::int64_t row = begin; row < end; ++row) {
                std::int64_t offset = 0;
                for (std::size_t d = 0; d < rows.size(); ++d) offset += index[d] * strides[d];
                copy_run(from + offset, run_stride, run, to + row * run);
                next_index(index, rows);
            }
        });
    });
}

}  // namespace octet::ops
