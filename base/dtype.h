#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace octet {

// float16 and bfloat16 files are converted to float32 by the frontend.
enum class DType : std::uint8_t { float32, float64, int8, uint8, int16, uint16, int32, uint32, int64, uint64, boolean };

// Bytes of one element.
std::size_t dtype_size(DType type);
// NumPy's spelling: "float32", "int8", "bool" …
std::string_view dtype_name(DType type);

// The DType of a C++ type; boolean is stored as one byte that is 0 or 1.
template <typename T>
inline constexpr DType dtype_of = DType::float32;
template <>
inline constexpr DType dtype_of<double> = DType::float64;
template <>
inline constexpr DType dtype_of<std::int8_t> = DType::int8;
template <>
inline constexpr DType dtype_of<std::uint8_t> = DType::uint8;
template <>
inline constexpr DType dtype_of<std::int16_t> = DType::int16;
template <>
inline constexpr DType dtype_of<std::uint16_t> = DType::uint16;
template <>
inline constexpr DType dtype_of<std::int32_t> = DType::int32;
template <>
inline constexpr DType dtype_of<std::uint32_t> = DType::uint32;
template <>
inline constexpr DType dtype_of<std::int64_t> = DType::int64;
template <>
inline constexpr DType dtype_of<std::uint64_t> = DType::uint64;
template <>
inline constexpr DType dtype_of<bool> = DType::boolean;

// Calls f with the C++ type of `type`: dispatch(t.dtype(), [&]<typename T>() { … });
template <typename F>
decltype(auto) dispatch(DType type, F&& f) {
    switch (type) {
        case DType::float64:
            return f.template operator()<double>();
        case DType::int8:
            return f.template operator()<std::int8_t>();
        case DType::uint8:
            return f.template operator()<std::uint8_t>();
        case DType::int16:
            return f.template operator()<std::int16_t>();
        case DType::uint16:
            return f.template operator()<std::uint16_t>();
        case DType::int32:
            return f.template operator()<std::int32_t>();
        case DType::uint32:
            return f.template operator()<std::uint32_t>();
        case DType::int64:
            return f.template operator()<std::int64_t>();
        case DType::uint64:
            return f.template operator()<std::uint64_t>();
        case DType::boolean:
            return f.template operator()<bool>();
        case DType::float32:
            break;
    }
    return f.template operator()<float>();
}

}  // namespace octet
