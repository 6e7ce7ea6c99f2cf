#include "apps/common/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "graph/ir/file_descriptor.h"
#include "graph/ir/output_file.h"

namespace octet::apps {

Result<std::vector<std::uint8_t>> read_file(const std::string& path, std::size_t limit) {
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return fail(ErrorCode::io, "{}: cannot be opened: {}", path, std::strerror(errno));
    constexpr std::size_t step = std::size_t{1} << 20;
    std::vector<std::uint8_t> bytes;
    std::size_t used = 0;
    for (;;) {
        if (used == bytes.size()) bytes.resize(used + std::max(step, used));
        const ssize_t count = ::read(file.get(), bytes.data() + used, bytes.size() - used);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(ErrorCode::io, "{}: cannot be read: {}", path, std::strerror(errno));
        if (count == 0) break;
        used += static_cast<std::size_t>(count);
        if (used > limit) return fail(ErrorCode::out_of_range, "{}: larger than the limit of {} bytes", path, limit);
    }
    bytes.resize(used);
    return bytes;
}

Result<void> write_file(const std::string& path, std::span<const std::uint8_t> bytes) {
    return octet::write_file(path, std::as_bytes(bytes));
}

Result<void> write_file(const std::string& path, std::string_view text) {
    return write_file(path, std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

std::string stem_of(const std::string& path) {
    return std::filesystem::path(path).stem().string();
}

std::string file_name_for(const std::string& name) {
    std::string result = name;
    for (char& c : result) {
        const auto code = static_cast<unsigned char>(c);
        if (code < 0x20 || code == 0x7f || std::strchr("/\\:*?\"<>|", c) != nullptr) c = '_';
    }
    if (result.find_first_not_of('.') == std::string::npos) return "_";
    return result;
}

}  // namespace octet::apps
