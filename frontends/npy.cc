#include "frontends/npy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "graph/ir/half.h"

namespace octet {
namespace {

constexpr std::string_view magic("\x93NUMPY", 6);
constexpr std::size_t max_header = std::size_t{1} << 16;

struct DTypeCode {
    DType type;
    std::string_view code;  // without the byte order
};
constexpr std::array<DTypeCode, 11> dtype_codes = {{{DType::float32, "f4"},
                                                    {DType::float64, "f8"},
                                                    {DType::int8, "i1"},
                                                    {DType::uint8, "u1"},
                                                    {DType::int16, "i2"},
                                                    {DType::uint16, "u2"},
                                                    {DType::int32, "i4"},
                                                    {DType::uint32, "u4"},
                                                    {DType::int64, "i8"},
                                                    {DType::uint64, "u8"},
                                                    {DType::boolean, "b1"}}};

struct Elements {
    DType type = DType::float32;  // that they are held in
    std::size_t file_bytes = 0;   // of one
    bool half = false;            // float16, held in float32
    bool big_endian = false;
};

std::optional<Elements> parse_descr(std::string_view descr) {
    constexpr std::string_view half_code = "f2";
    if (descr.size() != 3) return std::nullopt;
    const char order = descr[0];
    const std::string_view code = descr.substr(1);
    if (order != '<' && order != '>' && order != '=' && order != '|') return std::nullopt;
    if (code == half_code && order != '|') return Elements{DType::float32, 2, true, order == '>'};
    for (const auto& [type, candidate] : dtype_codes)
        if (code == candidate && (order != '|' || dtype_size(type) == 1))
            return Elements{type, dtype_size(type), false, order == '>'};
    return std::nullopt;
}

void reverse_each(std::span<std::byte> bytes, std::size_t size) {
    for (std::size_t at = 0; at + size <= bytes.size(); at += size)
        std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                     bytes.begin() + static_cast<std::ptrdiff_t>(at + size));
}

// `bytes` has as many elements as the tensor.
void widen_halves(std::span<const std::byte> bytes, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); ++i) {
        std::uint16_t half = 0;
        std::memcpy(&half, bytes.data() + i * sizeof(half), sizeof(half));
        out[i] = float_from_half(half);
    }
}

std::string descr_of(DType type) {
    for (const auto& [candidate, code] : dtype_codes)
        if (candidate == type) return fmt::format("{}{}", dtype_size(type) == 1 ? '|' : '<', code);
    return {};
}

// The text behind 'key': in the header's dictionary; empty when there is none.
std::string_view value_of(std::string_view header, std::string_view key) {
    const std::size_t at = header.find(fmt::format("'{}'", key));
    if (at == std::string_view::npos) return {};
    const std::size_t colon = header.find(':', at + key.size() + 2);
    if (colon == std::string_view::npos) return {};
    const std::size_t begin = header.find_first_not_of(' ', colon + 1);
    return begin == std::string_view::npos ? std::string_view{} : header.substr(begin);
}

// "(1, 3, )…" → {1, 3}
std::optional<Shape> parse_shape(std::string_view text) {
    const std::size_t end = text.find(')');
    if (text.empty() || text[0] != '(' || end == std::string_view::npos) return std::nullopt;
    text = text.substr(1, end - 1);
    Shape shape;
    while (true) {
        const std::size_t begin = text.find_first_not_of(", ");
        if (begin == std::string_view::npos) return shape;
        text.remove_prefix(begin);
        std::int64_t dimension = 0;
        const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), dimension);
        if (error != std::errc{} || dimension < 0 || shape.size() == 32) return std::nullopt;
        text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
        if (!text.empty() && text[0] != ',' && text[0] != ' ') return std::nullopt;
        shape.push_back(dimension);
    }
}

Result<std::string> read_header(std::istream& file, const std::string& path) {
    std::array<char, 8> start{};
    if (!file.read(start.data(), start.size()) || std::string_view(start.data(), magic.size()) != magic)
        return fail(ErrorCode::io, "{}: not an npy file", path);
    const int major = start[6];
    if (major < 1 || major > 3) return fail(ErrorCode::unsupported, "{}: npy format version {}", path, major);
    std::array<unsigned char, 4> length_bytes{};
    file.read(reinterpret_cast<char*>(length_bytes.data()), major == 1 ? 2 : 4);
    std::size_t length = 0;
    for (int i = 3; i >= 0; --i) length = length << 8 | length_bytes[static_cast<std::size_t>(i)];
    if (!file || length > max_header) return fail(ErrorCode::io, "{}: truncated or damaged npy header", path);
    std::string header(length, '\0');
    if (!file.read(header.data(), static_cast<std::streamsize>(length)))
        return fail(ErrorCode::io, "{}: truncated npy header", path);
    return header;
}

}  // namespace

Result<Tensor> load_npy(const std::string& path) {
    std::error_code error;
    const auto file_size = std::filesystem::file_size(path, error);
    if (error) return fail(ErrorCode::io, "{}: cannot be opened: {}", path, error.message());
    std::ifstream file(path, std::ios::binary);
    if (!file) return fail(ErrorCode::io, "{}: cannot be opened", path);
    return read_npy(file, file_size, path);
}

Result<Tensor> read_npy(std::istream& file, std::uintmax_t file_size, const std::string& path) {
    OCTET_ASSIGN(const std::string header, read_header(file, path));

    const std::string_view descr = value_of(header, "descr");
    if (descr.size() < 2 || descr[0] != '\'')
        return fail(ErrorCode::unsupported, "{}: npy header without a plain 'descr'", path);
    const std::string_view code = descr.substr(1, descr.find('\'', 1) - 1);
    const auto elements = parse_descr(code);
    if (!elements)
        return fail(
            ErrorCode::unsupported,
            "{}: elements of type '{}' are not read; bool, integers of 8 to 64 bits, float16, float32 and float64 "
            "are, into which NumPy's astype() converts",
            path, code);
    const auto shape = parse_shape(value_of(header, "shape"));
    if (!shape) return fail(ErrorCode::io, "{}: npy header without a valid 'shape'", path);
    const bool fortran = value_of(header, "fortran_order").starts_with("True");
    if (fortran && shape->size() > 1)
        return fail(ErrorCode::unsupported, "{}: Fortran order; save it as numpy.ascontiguousarray(array)", path);

    auto count = element_count(*shape);
    if (!count) return at(path, std::move(count).error());
    const std::uintmax_t expected = static_cast<std::uintmax_t>(*count) * elements->file_bytes;
    const std::uintmax_t present = file_size - static_cast<std::uintmax_t>(file.tellg());
    if (present != expected)
        return fail(ErrorCode::io, "{}: a {} array of shape {} takes {} bytes, the file holds {}", path,
                    elements->half ? "float16" : dtype_name(elements->type), to_string(*shape), expected, present);
    OCTET_ASSIGN(Tensor tensor, Tensor::create(elements->type, *shape));
    std::vector<std::byte> halves(elements->half ? expected : 0);
    const std::span<std::byte> bytes = elements->half ? halves : std::span(tensor.mutable_raw(), tensor.bytes());
    if (!file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(expected)))
        return fail(ErrorCode::io, "{}: cannot be read", path);
    if (elements->big_endian) reverse_each(bytes, elements->file_bytes);
    if (elements->half) widen_halves(bytes, tensor.mutable_data<float>());
    if (elements->type == DType::boolean)  // a bool that is neither 0 nor 1 must not come to be
        for (std::byte& value : std::span(tensor.mutable_raw(), tensor.bytes()))
            value = std::byte{value != std::byte{0}};
    return tensor;
}

std::vector<std::uint8_t> npy_header(DType type, const Shape& shape) {
    constexpr std::size_t preamble = 10, alignment = 64;
    std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", descr_of(type),
                                     fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
    // NumPy aligns the elements to 64 bytes with spaces and ends the header with a newline.
    header.append((alignment - (preamble + header.size() + 1) % alignment) % alignment, ' ');
    header += '\n';
    std::vector<std::uint8_t> bytes(preamble + header.size());
    std::memcpy(bytes.data(), magic.data(), magic.size());
    bytes[6] = 1;
    bytes[8] = static_cast<std::uint8_t>(header.size() & 0xff);
    bytes[9] = static_cast<std::uint8_t>(header.size() >> 8);
    std::memcpy(bytes.data() + preamble, header.data(), header.size());
    return bytes;
}

Result<void> save_npy(const Tensor& tensor, const std::string& path) {
    std::vector<std::uint8_t> bytes = npy_header(tensor.dtype(), tensor.shape());
    const std::size_t header = bytes.size();
    bytes.resize(header + tensor.bytes());
    if (tensor.bytes() > 0) std::memcpy(bytes.data() + header, tensor.raw(), tensor.bytes());
    return write_file(path, bytes);
}

}  // namespace octet
