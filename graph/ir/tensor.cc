#include "graph/ir/tensor.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "graph/ir/arithmetic.h"

namespace octet {
namespace {

constexpr std::size_t alignment = 64;

std::shared_ptr<std::byte[]> allocate(std::size_t bytes) {
    auto* memory = static_cast<std::byte*>(::operator new(bytes + 1, std::align_val_t(alignment)));
    return {memory, [](std::byte* p) { ::operator delete(p, std::align_val_t(alignment)); }};
}

}  // namespace

Tensor::Tensor(DType type, Shape shape) : type_(type), shape_(std::move(shape)) {
    const auto count = element_count(shape_);
    assert(count.has_value());
    size_ = count.value_or(0);
    data_ = allocate(bytes());
    std::memset(data_.get(), 0, bytes());
}

Result<Tensor> Tensor::create(DType type, Shape shape) {
    OCTET_TRY(element_count(shape));
    return Tensor(type, std::move(shape));
}

std::byte* Tensor::mutable_raw() {
    if (shared()) {
        auto copy = allocate(bytes());
        std::memcpy(copy.get(), data_.get(), bytes());
        data_ = std::move(copy);
    }
    return data_.get();
}

Tensor Tensor::reshaped(Shape shape) const {
    Tensor out = *this;
    out.shape_ = std::move(shape);
    assert(element_count(out.shape_).value_or(-1) == size_);
    return out;
}

Tensor Tensor::image(std::int64_t index) const {
    assert(rank() > 0 && index >= 0 && index < shape_[0]);
    if (shape_[0] == 1) return *this;
    Shape shape = shape_;
    shape[0] = 1;
    Tensor out(type_, std::move(shape));
    std::copy_n(raw() + static_cast<std::ptrdiff_t>(out.bytes()) * index, out.bytes(), out.mutable_raw());
    return out;
}

Tensor Tensor::cast(DType type) const {
    if (type == type_) return *this;
    Tensor out(type, shape_);
    dispatch(type_, [&]<typename From>() {
        const auto from = data<From>();
        dispatch(type, [&]<typename To>() {
            auto to = out.mutable_data<To>();
            for (std::size_t i = 0; i < from.size(); ++i) to[i] = convert<To>(from[i]);
        });
    });
    return out;
}

std::vector<std::int64_t> Tensor::to_int64() const {
    const Tensor wide = cast(DType::int64);
    const auto values = wide.data<std::int64_t>();
    return {values.begin(), values.end()};
}

std::vector<float> Tensor::to_float() const {
    const Tensor wide = cast(DType::float32);
    const auto values = wide.data<float>();
    return {values.begin(), values.end()};
}

bool identical(const Tensor& a, const Tensor& b) {
    return a.dtype() == b.dtype() && a.shape() == b.shape() &&
           (a.bytes() == 0 || std::memcmp(a.raw(), b.raw(), a.bytes()) == 0);
}

}  // namespace octet
