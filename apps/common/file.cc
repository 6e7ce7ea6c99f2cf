#include "apps/common/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace octet::apps {
namespace {

class FileDescriptor {
  public:
    explicit FileDescriptor(int value) : value_(value) {}
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor() {
        if (value_ >= 0) ::close(value_);
    }
    int get() const { return value_; }
    // Closes now; false when the system reports that buffered bytes were lost.
    bool close() { return ::close(std::exchange(value_, -1)) == 0; }

  private:
    int value_;
};

bool write_all(int descriptor, std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return true;
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

Result<void> write_file(const std::string& path, std::span<const std::uint8_t> bytes) {
    namespace fs = std::filesystem;
    const fs::path folder = fs::path(path).parent_path();
    std::error_code error;
    if (!folder.empty()) fs::create_directories(folder, error);
    if (error) return fail(ErrorCode::io, "{}: the folder cannot be made: {}", path, error.message());

    std::string temporary = path + ".XXXXXX";
    FileDescriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
    if (file.get() < 0) return fail(ErrorCode::io, "{}: cannot be created: {}", path, std::strerror(errno));
    const mode_t mask = ::umask(0);
    ::umask(mask);
    // mkostemp makes the file private; give it the permissions that an ordinary new file has.
    const bool written = ::fchmod(file.get(), 0666 & ~mask) == 0 && write_all(file.get(), bytes) && file.close();
    if (!written || ::rename(temporary.c_str(), path.c_str()) != 0) {
        const int reason = errno;
        ::unlink(temporary.c_str());
        return fail(ErrorCode::io, "{}: cannot be written: {}", path, std::strerror(reason));
    }
    return {};
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
