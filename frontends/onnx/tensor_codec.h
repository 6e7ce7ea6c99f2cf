#pragma once

// TensorProto <-> Tensor.
//
// Data lies in raw_data (little-endian), in the typed field of its data type, or in an external file:
//   float_data: float32     double_data: float64      int64_data: int64     uint64_data: uint32, uint64
//   int32_data: int32, int16, int8, uint16, uint8, bool, and the bits of float16 and bfloat16
// float16 and bfloat16 become float32; types narrower than a byte, strings and complex numbers are refused.

#include <string>

#include "graph/ir/tensor.h"

namespace octet::onnx_schema {
class TensorProto;
}

namespace octet::onnx {

// TensorProto.DataType
inline constexpr int onnx_float = 1;
inline constexpr int onnx_float16 = 10;
inline constexpr int onnx_bfloat16 = 16;

// AttributeProto.AttributeType
enum AttributeType : int {
    type_float = 1,
    type_int = 2,
    type_string = 3,
    type_tensor = 4,
    type_floats = 6,
    type_ints = 7,
};

// The dtype that octet holds tensors of this TensorProto.DataType in.
Result<DType> dtype_from_code(int code);
int code_of(DType type);

// External data is looked for in `folder`, and nowhere outside of it; an empty folder refuses external data. The size
// of the data is checked against the shape before anything is allocated. Errors do not name the tensor.
Result<Tensor> decode(const onnx_schema::TensorProto& proto, const std::string& folder);

// Sets data type, dimensions and raw_data; not the name.
void encode(const Tensor& tensor, onnx_schema::TensorProto& proto);

}  // namespace octet::onnx
