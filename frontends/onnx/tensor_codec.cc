#include "frontends/onnx/tensor_codec.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>

#include "frontends/onnx/external_data.h"
#include "graph/ir/half.h"
#include "octet_onnx.pb.h"

namespace octet::onnx {
namespace {

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

struct TypeCode {
    int code;
    std::string_view name;
    bool supported;
    DType dtype;
    std::size_t file_bytes;  // of one element in raw_data
};

// Of the codes that share a dtype the first is the one that is written.
constexpr std::array type_codes = {
    TypeCode{1, "float32", true, DType::float32, 4},
    TypeCode{2, "uint8", true, DType::uint8, 1},
    TypeCode{3, "int8", true, DType::int8, 1},
    TypeCode{4, "uint16", true, DType::uint16, 2},
    TypeCode{5, "int16", true, DType::int16, 2},
    TypeCode{6, "int32", true, DType::int32, 4},
    TypeCode{7, "int64", true, DType::int64, 8},
    TypeCode{8, "string", false, DType::float32, 0},
    TypeCode{9, "bool", true, DType::boolean, 1},
    TypeCode{onnx_float16, "float16", true, DType::float32, 2},
    TypeCode{11, "float64", true, DType::float64, 8},
    TypeCode{12, "uint32", true, DType::uint32, 4},
    TypeCode{13, "uint64", true, DType::uint64, 8},
    TypeCode{14, "complex64", false, DType::float32, 0},
    TypeCode{15, "complex128", false, DType::float32, 0},
    TypeCode{onnx_bfloat16, "bfloat16", true, DType::float32, 2},
    TypeCode{17, "float8e4m3fn", false, DType::float32, 0},
    TypeCode{18, "float8e4m3fnuz", false, DType::float32, 0},
    TypeCode{19, "float8e5m2", false, DType::float32, 0},
    TypeCode{20, "float8e5m2fnuz", false, DType::float32, 0},
    TypeCode{21, "uint4", false, DType::float32, 0},
    TypeCode{22, "int4", false, DType::float32, 0},
    TypeCode{23, "float4e2m1", false, DType::float32, 0},
    TypeCode{24, "float8e8m0", false, DType::float32, 0},
    TypeCode{25, "uint2", false, DType::float32, 0},
    TypeCode{26, "int2", false, DType::float32, 0},
};

Result<TypeCode> find_code(int code) {
    const auto* const it =
        std::find_if(type_codes.begin(), type_codes.end(), [&](const TypeCode& type) { return type.code == code; });
    if (it == type_codes.end()) return fail(ErrorCode::invalid_model, "data type {} is unknown", code);
    if (!it->supported) return fail(ErrorCode::unsupported, "data type {} is not supported", it->name);
    return *it;
}

void widen_halves(const char* bytes, int code, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); ++i) {
        std::uint16_t bits = 0;
        std::memcpy(&bits, bytes + 2 * i, sizeof(bits));
        out[i] = code == onnx_float16 ? float_from_half(bits) : float_from_bfloat(bits);
    }
}

void fill_from_raw(const std::string& bytes, const TypeCode& type, Tensor& tensor) {
    if (bytes.empty()) return;
    if (type.code == onnx_float16 || type.code == onnx_bfloat16) {
        widen_halves(bytes.data(), type.code, tensor.mutable_data<float>());
    } else if (type.dtype == DType::boolean) {
        auto out = tensor.mutable_data<bool>();
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = bytes[i] != 0;
    } else {
        std::memcpy(tensor.mutable_raw(), bytes.data(), bytes.size());
    }
}

template <typename To, typename Field>
Result<void> copy_field(const Field& field, Tensor& tensor) {
    using From = typename Field::value_type;
    auto out = tensor.mutable_data<To>();
    for (std::size_t i = 0; i < out.size(); ++i) {
        const From value = field[static_cast<int>(i)];
        if constexpr (std::is_integral_v<To> && !std::is_same_v<To, bool>) {
            if (!std::in_range<To>(value)) {
                return fail(ErrorCode::invalid_model, "element {} is {}, which {} cannot hold", i, value,
                            dtype_name(tensor.dtype()));
            }
        }
        out[i] = static_cast<To>(value);
    }
    return {};
}

// The number of elements in the typed field of this data type.
int field_size(const onnx_schema::TensorProto& proto, const TypeCode& type) {
    switch (type.code) {
        case onnx_float:
            return proto.float_data_size();
        case 7:
            return proto.int64_data_size();
        case 11:
            return proto.double_data_size();
        case 12:
        case 13:
            return proto.uint64_data_size();
        default:
            return proto.int32_data_size();
    }
}

Result<void> fill_from_field(const onnx_schema::TensorProto& proto, const TypeCode& type, Tensor& tensor) {
    if (type.code == onnx_float16 || type.code == onnx_bfloat16) {
        auto out = tensor.mutable_data<float>();
        for (std::size_t i = 0; i < out.size(); ++i) {
            const auto bits = static_cast<std::uint16_t>(proto.int32_data(static_cast<int>(i)));
            out[i] = type.code == onnx_float16 ? float_from_half(bits) : float_from_bfloat(bits);
        }
        return {};
    }
    return dispatch(type.dtype, [&]<typename T>() -> Result<void> {
        if constexpr (std::is_same_v<T, float>) {
            return copy_field<T>(proto.float_data(), tensor);
        } else if constexpr (std::is_same_v<T, double>) {
            return copy_field<T>(proto.double_data(), tensor);
        } else if constexpr (std::is_same_v<T, std::int64_t>) {
            return copy_field<T>(proto.int64_data(), tensor);
        } else if constexpr (std::is_same_v<T, std::uint32_t> || std::is_same_v<T, std::uint64_t>) {
            return copy_field<T>(proto.uint64_data(), tensor);
        } else {
            return copy_field<T>(proto.int32_data(), tensor);
        }
    });
}

}  // namespace

Result<DType> dtype_from_code(int code) {
    OCTET_ASSIGN(const TypeCode type, find_code(code));
    return type.dtype;
}

int code_of(DType dtype) {
    return std::find_if(type_codes.begin(), type_codes.end(),
                        [&](const TypeCode& type) { return type.supported && type.dtype == dtype; })
        ->code;
}

Result<Tensor> decode(const onnx_schema::TensorProto& proto, const std::string& folder) {
    OCTET_ASSIGN(const TypeCode type, find_code(proto.data_type()));
    if (proto.has_segment()) return fail(ErrorCode::unsupported, "tensors in segments are not supported");
    Shape shape(proto.dims().begin(), proto.dims().end());
    OCTET_ASSIGN(const std::int64_t count, element_count(shape));

    if (proto.data_location() == 1 || proto.has_raw_data()) {
        const auto needed = static_cast<std::uint64_t>(count) * type.file_bytes;
        std::string external;
        const std::string* bytes = &proto.raw_data();
        if (proto.data_location() == 1) {
            OCTET_ASSIGN(external, read_external_data(proto, folder, needed));
            bytes = &external;
        }
        if (bytes->size() != needed) {
            return fail(ErrorCode::invalid_model, "it has {} bytes of data, its shape {} of {} needs {}", bytes->size(),
                        to_string(shape), type.name, needed);
        }
        Tensor tensor(type.dtype, std::move(shape));
        fill_from_raw(*bytes, type, tensor);
        return tensor;
    }
    if (field_size(proto, type) != count) {
        return fail(ErrorCode::invalid_model, "it has {} elements of data, its shape {} needs {}",
                    field_size(proto, type), to_string(shape), count);
    }
    Tensor tensor(type.dtype, std::move(shape));
    OCTET_TRY(fill_from_field(proto, type, tensor));
    return tensor;
}

void encode(const Tensor& tensor, onnx_schema::TensorProto& proto) {
    proto.set_data_type(code_of(tensor.dtype()));
    for (const std::int64_t dimension : tensor.shape()) proto.add_dims(dimension);
    proto.set_raw_data(tensor.raw(), tensor.bytes());
}

}  // namespace octet::onnx
