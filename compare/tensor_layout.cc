#include "compare/tensor_layout.h"

#include <cstring>

namespace octet::compare {

std::optional<Layout> parse_layout(std::string_view name) {
    for (std::size_t i = 0; i < std::size(layout_names); ++i) {
        if (name == layout_names[i]) return static_cast<Layout>(i);
    }
    return std::nullopt;
}

Tensor to_layout(const Tensor& nchw, Layout layout, int block, int zero) {
    if (layout == Layout::nchw || nchw.rank() != 4) return nchw;
    const Shape& s = nchw.shape();
    const std::int64_t n = s[0], c = s[1], h = s[2], w = s[3];
    if (layout == Layout::nhwc) block = static_cast<int>(std::max<std::int64_t>(c, 1));
    if (layout == Layout::nc4hw4) block = 4;
    const std::int64_t blocks = (c + block - 1) / block;
    Tensor out(nchw.dtype(), layout == Layout::nhwc ? Shape{n, h, w, c} : Shape{n, blocks, h, w, block});
    dispatch(nchw.dtype(), [&]<typename T>() {
        const T* in = nchw.data<T>().data();
        T* to = out.mutable_data<T>().data();
        for (std::int64_t image = 0; image < n; ++image) {
            for (std::int64_t b = 0; b < blocks; ++b) {
                for (std::int64_t i = 0; i < h * w; ++i) {
                    for (std::int64_t k = b * block; k < (b + 1) * block; ++k)
                        *to++ = k < c ? in[(image * c + k) * h * w + i] : static_cast<T>(zero);
                }
            }
        }
    });
    return out;
}

Result<Tensor> from_layout(const Tensor& stored, Layout layout, int block, const Shape& nchw) {
    OCTET_ASSIGN(Tensor out, Tensor::create(stored.dtype(), nchw));
    if (nchw.size() != 4) layout = Layout::nchw;
    const std::int64_t n = nchw.size() == 4 ? nchw[0] : 1, c = nchw.size() == 4 ? nchw[1] : 1,
                       plane = nchw.size() == 4 ? nchw[2] * nchw[3] : out.size();
    if (layout == Layout::nhwc || layout == Layout::nchw) block = static_cast<int>(std::max<std::int64_t>(c, 1));
    if (layout == Layout::nc4hw4) block = 4;
    const std::int64_t blocks = (c + block - 1) / block, expected = n * blocks * block * plane;
    if (stored.size() != expected) {
        return fail(ErrorCode::invalid_argument, "{} elements are no {} of [{}], which takes {}", stored.size(),
                    layout_names[static_cast<std::size_t>(layout)], fmt::join(nchw, ", "), expected);
    }
    if (layout == Layout::nchw) return stored.reshaped(nchw);
    dispatch(stored.dtype(), [&]<typename T>() {
        const T* in = stored.data<T>().data();
        T* to = out.mutable_data<T>().data();
        for (std::int64_t image = 0; image < n; ++image) {
            for (std::int64_t b = 0; b < blocks; ++b) {
                for (std::int64_t i = 0; i < plane; ++i) {
                    for (std::int64_t k = b * block; k < (b + 1) * block; ++k, ++in) {
                        if (k < c) to[(image * c + k) * plane + i] = *in;
                    }
                }
            }
        }
    });
    return out;
}

Tensor to_signedness(const Tensor& tensor, bool is_signed) {
    const DType wanted = is_signed ? DType::int8 : DType::uint8;
    if (dtype_size(tensor.dtype()) != 1 || tensor.dtype() == wanted || tensor.dtype() == DType::boolean) return tensor;
    Tensor out(wanted, tensor.shape());
    for (std::size_t i = 0; i < tensor.bytes(); ++i) out.mutable_raw()[i] = tensor.raw()[i] ^ std::byte{0x80};
    return out;
}

}  // namespace octet::compare
