#include "frontends/onnx/external_data.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/parse_number.h"
#include "frontends/onnx/file_handle.h"
#include "octet_onnx.pb.h"

namespace octet::onnx {
namespace {

namespace fs = std::filesystem;

struct Place {
    std::string location;
    std::uint64_t offset = 0;
    std::optional<std::uint64_t> length;
};

Result<std::uint64_t> parse_bytes(const std::string& key, const std::string& text) {
    const auto number = parse_number<std::uint64_t>(text);
    if (!number) return fail(ErrorCode::invalid_model, "the {} '{}' of its external data is not a number", key, text);
    return *number;
}

Result<Place> parse_place(const onnx_schema::TensorProto& proto) {
    Place place;
    for (const auto& entry : proto.external_data()) {
        if (entry.key() == "location") {
            place.location = entry.value();
        } else if (entry.key() == "offset") {
            OCTET_ASSIGN(place.offset, parse_bytes(entry.key(), entry.value()));
        } else if (entry.key() == "length") {
            OCTET_ASSIGN(place.length, parse_bytes(entry.key(), entry.value()));
        }
    }
    if (place.location.empty()) return fail(ErrorCode::invalid_model, "its external data has no location");
    return place;
}

Result<fs::path> resolve(const std::string& location, const std::string& folder) {
    if (location.find('\0') != std::string::npos || location.find('\\') != std::string::npos) {
        return fail(ErrorCode::invalid_model, "the location '{}' of its external data has forbidden characters",
                    location);
    }
    const fs::path relative(location);
    const bool climbs =
        std::any_of(relative.begin(), relative.end(), [](const fs::path& part) { return part == ".."; });
    if (relative.is_absolute() || climbs) {
        return fail(ErrorCode::invalid_model,
                    "its external data '{}' lies outside of the model's folder, which is refused", location);
    }
    std::error_code error;
    const fs::path root = fs::canonical(folder, error);
    if (error) return fail(ErrorCode::io, "the model's folder '{}' cannot be read: {}", folder, error.message());
    const fs::path file = fs::canonical(root / relative, error);
    if (error) return fail(ErrorCode::io, "its external data '{}' cannot be read: {}", location, error.message());
    if (std::mismatch(root.begin(), root.end(), file.begin(), file.end()).first != root.end()) {
        return fail(ErrorCode::invalid_model,
                    "its external data '{}' leads through a symbolic link out of the model's folder, which is refused",
                    location);
    }
    if (!fs::is_regular_file(file, error)) {
        return fail(ErrorCode::io, "its external data '{}' is not a regular file", location);
    }
    return file;
}

}  // namespace

Result<std::string> read_external_data(const onnx_schema::TensorProto& proto, const std::string& folder,
                                       std::uint64_t needed) {
    OCTET_ASSIGN(const Place place, parse_place(proto));
    if (folder.empty()) {
        return fail(ErrorCode::unsupported, "its data lies in '{}', but a model from memory has no folder",
                    place.location);
    }
    OCTET_ASSIGN(const fs::path path, resolve(place.location, folder));
    if (place.length && *place.length != needed) {
        return fail(ErrorCode::invalid_model, "its external data has {} bytes, its shape needs {}", *place.length,
                    needed);
    }
    std::error_code error;
    const std::uint64_t size = fs::file_size(path, error);
    if (error) return fail(ErrorCode::io, "its external data '{}' cannot be read: {}", place.location, error.message());
    if (place.offset > size || needed > size - place.offset) {
        return fail(ErrorCode::invalid_model,
                    "its external data '{}' has {} bytes, but {} bytes at offset {} are wanted", place.location, size,
                    needed, place.offset);
    }

    const FileHandle file(std::fopen(path.c_str(), "rb"));
    std::string bytes(needed, '\0');
    if (!file || std::fseek(file.get(), static_cast<long>(place.offset), SEEK_SET) != 0 ||
        std::fread(bytes.data(), 1, bytes.size(), file.get()) != bytes.size()) {
        return fail(ErrorCode::io, "its external data '{}' cannot be read: {}", place.location, std::strerror(errno));
    }
    return bytes;
}

}  // namespace octet::onnx
