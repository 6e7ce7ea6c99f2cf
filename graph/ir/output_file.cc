#include "graph/ir/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "graph/ir/file_descriptor.h"

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

}  // namespace octet
