#pragma once

#include <span>
#include <string_view>

#include "graph/ops/op_def.h"

namespace octet {

// Every operator that octet knows, sorted by name. Those that ONNX does not have:
//   Focus    space to depth of the YOLO stem: [N,C,H,W] -> [N,4C,H/2,W/2]; block order (row,col) = 00, 10, 01, 11
//   Detect   YOLO box decode, one input [N,na*(5+nc),h,w] a level -> [N, sum(na*h*w), 5+nc]:
//            s = sigmoid(x); xy = (2 s - 0.5 + grid) * stride; wh = (2 s)^2 * anchor; the other columns are s.
//            strides: float[levels]; anchors: float[levels*na*2] in input pixels;
//            box_scale: float factor on xywh (1, or 1/640 where boxes are normalized)
std::span<const OpDef* const> op_list();

// nullptr for an operator that octet does not know.
const OpDef* find_op(std::string_view name);

}  // namespace octet
