#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/dtype.h"
#include "base/result.h"
#include "graph/ir/shape.h"

namespace octet {

// A dense row-major tensor. Copies share the bytes: mutable_data() un-shares them before it hands them out.
// The buffer is aligned to 64 bytes.
class Tensor {
  public:
    Tensor() = default;
    // Zero-filled. The shape must satisfy element_count(); create() is for shapes that nobody has checked.
    Tensor(DType type, Shape shape);
    static Result<Tensor> create(DType type, Shape shape);

    template <typename T>
    static Tensor from(Shape shape, std::span<const T> values);
    template <typename T>
    static Tensor from(Shape shape, std::initializer_list<T> values) {
        return from<T>(std::move(shape), std::span<const T>(values.begin(), values.size()));
    }
    template <typename T>
    static Tensor scalar(T value) {
        return from<T>({}, {value});
    }

    DType dtype() const { return type_; }
    const Shape& shape() const { return shape_; }
    std::int64_t rank() const { return static_cast<std::int64_t>(shape_.size()); }
    std::int64_t size() const { return size_; }
    std::size_t bytes() const { return static_cast<std::size_t>(size_) * dtype_size(type_); }

    const std::byte* raw() const { return data_.get(); }
    std::byte* mutable_raw();
    // Another Tensor holds the same bytes.
    bool shared() const { return data_.use_count() > 1; }

    template <typename T>
    std::span<const T> data() const {
        assert(dtype_of<T> == type_);
        return {reinterpret_cast<const T*>(data_.get()), static_cast<std::size_t>(size_)};
    }
    template <typename T>
    std::span<T> mutable_data() {
        assert(dtype_of<T> == type_);
        return {reinterpret_cast<T*>(mutable_raw()), static_cast<std::size_t>(size_)};
    }

    // The same bytes under another shape of equal size.
    Tensor reshaped(Shape shape) const;
    // Element `index` of the first dimension, which becomes 1: an image of a batch.
    Tensor image(std::int64_t index) const;
    // Elements converted as static_cast does (to boolean: value != 0).
    Tensor cast(DType type) const;

    // All elements as int64 or float, whatever the dtype: for shape arithmetic and small parameters.
    std::vector<std::int64_t> to_int64() const;
    std::vector<float> to_float() const;

  private:
    DType type_ = DType::float32;
    Shape shape_;
    std::int64_t size_ = 0;
    std::shared_ptr<std::byte[]> data_;
};

// Same dtype, shape and bytes.
bool identical(const Tensor& a, const Tensor& b);

template <typename T>
Tensor Tensor::from(Shape shape, std::span<const T> values) {
    Tensor tensor(dtype_of<T>, std::move(shape));
    assert(tensor.size() == static_cast<std::int64_t>(values.size()));
    auto out = tensor.mutable_data<T>();
    for (std::size_t i = 0; i < values.size(); ++i) out[i] = values[i];
    return tensor;
}

}  // namespace octet
