#pragma once

// Graph → program: finds in a graph with QuantizeLinear and DequantizeLinear what can run on integers alone.
//
// A *quantized tensor* is the output of a QuantizeLinear with one scale and zero point that the backend can hold.
// Looking backwards from such a QuantizeLinear (Q; DQ is DequantizeLinear):
//
//     conv       Q ← [Add ← DQ(shortcut)] ← [activation] ← Conv ← DQ(x), DQ(weights), [DQ(bias)]
//     batchnorm  Q ← [activation] ← BatchNormalization ← DQ(x), constants
//     dense      Q ← Gemm | MatMul ← DQ(x), DQ(weights), [DQ(bias)]
//     binary     Q ← [Relu | LeakyRelu | Clip] ← Add | Sub | Mul ← DQ(a), DQ(b)
//     concat     Q ← Concat ← DQ(x)…
//     pool       Q ← MaxPool | AveragePool | GlobalAveragePool ← DQ(x)
//     resize     Q ← Resize(nearest | linear) ← DQ(x)
//     move       Q ← Slice | Pad | Reshape | Transpose … ← DQ(x)
//     table      Q ← unary operators in a row, or none ← DQ(x)
//     pixels     Q(scale 1, zero point 0) ← [Add ← [Mul ←]] graph input: undoes the normalization of 8-bit pixels
//     input      a network input of integers
//     quantize   Q ← anything else, computed in float
//
// and at the network's end:
//
//     output     Q, the integers themselves
//     dequantize DQ(x)
//     sigmoid    Sigmoid ← [DepthToSpace(CRD) ←] DQ(x)         x int16
//     detect     Detect ← DQ(x)…                               x int16

#include "engine/backend.h"
#include "engine/program.h"

namespace octet::engine {

// Shapes must have been inferred.
Result<Program> recognize(const Graph& graph, const Backend& backend);

}  // namespace octet::engine
