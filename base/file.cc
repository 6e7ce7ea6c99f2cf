#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/file_descriptor.h"

namespace octet {
namespace {

bool write_all(int descriptor, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return true;
}

// mkostemp makes private files; an ordinary new file has what the process's mask leaves.
bool set_ordinary_mode(int descriptor) {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    return ::fchmod(descriptor, 0666 & ~mask) == 0;
}

tl::unexpected<Error> cannot_be_written(const std::string& path, int reason) {
    return fail(ErrorCode::io, "{}: cannot be written: {}", path, std::strerror(reason));
}

// A device or a pipe cannot be replaced by a file: the bytes go into it.
Result<void> write_into(const std::string& path, std::span<const std::byte> bytes) {
    FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (file.get() < 0 || !write_all(file.get(), bytes) || !file.close()) return cannot_be_written(path, errno);
    return {};
}

}  // namespace

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

Result<void> write_file(const std::string& given_path, std::span<const std::byte> bytes) {
    std::string path = given_path;
    std::error_code error;
    const std::filesystem::file_status status = std::filesystem::status(path, error);
    if (std::filesystem::is_regular_file(status)) {
        // Renaming onto a symbolic link would replace the link, not the file that it names.
        if (std::filesystem::is_symlink(path, error)) path = std::filesystem::canonical(path, error).string();
        if (error) return cannot_be_written(given_path, error.value());
    } else if (std::filesystem::is_directory(status)) {
        return cannot_be_written(path, EISDIR);
    } else if (std::filesystem::exists(status)) {
        return write_into(path, bytes);
    }
    const std::filesystem::path folder = std::filesystem::path(path).parent_path();
    if (!folder.empty()) std::filesystem::create_directories(folder, error);
    if (error) return fail(ErrorCode::io, "{}: its folder cannot be made: {}", path, error.message());

    std::string temporary = path + ".XXXXXX";
    FileDescriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
    if (file.get() < 0) return fail(ErrorCode::io, "{}: cannot be created: {}", path, std::strerror(errno));
    const bool written = set_ordinary_mode(file.get()) && write_all(file.get(), bytes) && file.close() &&
                         std::rename(temporary.c_str(), path.c_str()) == 0;
    if (!written) {
        const int reason = errno;
        ::unlink(temporary.c_str());
        return cannot_be_written(path, reason);
    }
    return {};
}

Result<void> write_file(const std::string& path, std::span<const std::uint8_t> bytes) {
    return write_file(path, std::as_bytes(bytes));
}

Result<void> write_file(const std::string& path, std::string_view text) {
    return write_file(path, std::as_bytes(std::span(text)));
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

}  // namespace octet
