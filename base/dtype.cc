#include "base/dtype.h"

namespace octet {

std::size_t dtype_size(DType type) {
    return dispatch(type, []<typename T>() { return sizeof(T); });
}

std::string_view dtype_name(DType type) {
    switch (type) {
        case DType::float32:
            return "float32";
        case DType::float64:
            return "float64";
        case DType::int8:
            return "int8";
        case DType::uint8:
            return "uint8";
        case DType::int16:
            return "int16";
        case DType::uint16:
            return "uint16";
        case DType::int32:
            return "int32";
        case DType::uint32:
            return "uint32";
        case DType::int64:
            return "int64";
        case DType::uint64:
            return "uint64";
        case DType::boolean:
            return "bool";
    }
    return "?";
}

}  // namespace octet
