#pragma once

// How dumps hold a tensor [n, c, h, w]:
//
//     nchw      [n, c, h, w]
//     nhwc      [n, h, w, c]
//     nc1hwc2   [n, ceil(c / block), h, w, block], RKNN's; block 16 for 8 bits
//     nc4hw4    [n, ceil(c / 4), h, w, 4], MNN's: the same with blocks of 4
//
// Channels that fill up the last block hold what stands for 0. Tensors of another rank stay as they are.

#include <optional>
#include <string>
#include <string_view>

#include "graph/ir/tensor.h"

namespace octet::compare {

enum class Layout { nchw, nhwc, nc1hwc2, nc4hw4 };
inline constexpr const char* layout_names[] = {"nchw", "nhwc", "nc1hwc2", "nc4hw4"};

std::optional<Layout> parse_layout(std::string_view name);
// `zero`: what stands for 0. The result has the layout's shape.
Tensor to_layout(const Tensor& nchw, Layout layout, int block, int zero);

// The other way round: `stored` has the layout's elements in whatever shape. Fails where these are not as many.
Result<Tensor> from_layout(const Tensor& stored, Layout layout, int block, const Shape& nchw);

// uint8 of int8 and the other way round, 128 apart; other types as they are.
Tensor to_signedness(const Tensor& tensor, bool is_signed);

}  // namespace octet::compare
