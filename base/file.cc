#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "base/file_descriptor.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> cannot_be_written(const std::string& path, int reason) {
    return fail(ErrorCode::io, "{}: cannot be written: {}", path, std::strerror(reason));
}

fs::path folder_of(const fs::path& path) {
    return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// What the bytes for `path` go to.
struct Target {
    fs::path path;            // behind symbolic links, also where the last of them names no file yet
    bool is_special = false;  // a device or a pipe
};

Result<Target> target_of(const std::string& path) {
    std::error_code error;
    Target target{path};
    const fs::file_type type = fs::status(path, error).type();
    if (type == fs::file_type::none) return cannot_be_written(path, error.value());  // a circle of links, for one
    if (type == fs::file_type::directory || !target.path.has_filename()) return cannot_be_written(path, EISDIR);
    target.is_special = type != fs::file_type::regular && type != fs::file_type::not_found;
    while (!target.is_special && fs::is_symlink(fs::symlink_status(target.path, error))) {
        const fs::path next = fs::read_symlink(target.path, error);
        if (error) return cannot_be_written(path, error.value());
        target.path = target.path.parent_path() / next;
    }
    return target;
}

// Of what is not there, the nearest folder above that is; `named` stands in errors.
Result<void> check_folder(fs::path folder, const std::string& named) {
    std::error_code error;
    fs::file_type type = fs::status(folder, error).type();
    for (; type == fs::file_type::not_found; type = fs::status(folder, error).type()) folder = folder_of(folder);
    if (type == fs::file_type::none) return cannot_be_written(named, error.value());
    if (type != fs::file_type::directory)
        return fail(ErrorCode::io, "{}: cannot be written: {} is no folder", named, folder.string());
    if (::access(folder.c_str(), W_OK | X_OK) != 0)
        return fail(ErrorCode::io, "{}: cannot be written: folder {}: {}", named, folder.string(),
                    std::strerror(errno));
    return {};
}

// Equal for two names of one file, existing or not.
std::string identity_of(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) return fmt::format("{}:{}", status.st_dev, status.st_ino);
    std::error_code error;
    const auto target = target_of(path);
    return fs::weakly_canonical(fs::absolute(target ? target->path : fs::path(path), error), error).string();
}

// A new file that has no name before it is complete, so that a program that is killed leaves nothing. File systems
// without such files get one with a name of its own, which goes when writing fails.
class NewFile {
  public:
    explicit NewFile(fs::path folder) : folder_(std::move(folder)), file_(-1) {
        if (::access("/proc/self/fd", X_OK) == 0)  // where such a file is given its name
            file_ = FileDescriptor(::open(folder_.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, mode));
        if (is_open()) return;
        file_ = FileDescriptor(with_new_name(
            [](const char* name) { return ::open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode); }));
    }
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;
    ~NewFile() {
        if (!temporary_.empty()) ::unlink(temporary_.c_str());
    }

    // Each false leaves the reason in errno.
    bool is_open() const { return file_.get() >= 0; }
    int descriptor() const { return file_.get(); }
    bool appear_as(const fs::path& path) {
        if (temporary_.empty()) {
            if (link(path.c_str()) == 0) return file_.close() || (::unlink(path.c_str()), false);
            // Only renaming replaces a file.
            if (errno != EEXIST || with_new_name([&](const char* name) { return link(name); }) < 0) return false;
        }
        if (!file_.close() || std::rename(temporary_.c_str(), path.c_str()) != 0) return false;
        temporary_.clear();
        return true;
    }

  private:
    static constexpr mode_t mode = 0666;  // less what the process's mask takes away

    int link(const char* name) const {
        const std::string self = fmt::format("/proc/self/fd/{}", file_.get());
        return ::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name, AT_SYMLINK_FOLLOW);
    }

    // make(name) until a name is free; keeps the name when it succeeds, and gives what make() gives.
    template <typename Make>
    int with_new_name(Make make) {
        for (int attempt = 0; attempt < 1000; ++attempt) {
            const std::string name = folder_ / fmt::format(".octet-{}-{}", ::getpid(), attempt);
            const int made = make(name.c_str());
            if (made >= 0) temporary_ = name;
            if (made >= 0 || errno != EEXIST) return made;
        }
        return -1;
    }

    fs::path folder_;
    std::string temporary_;  // empty: the file has no name
    FileDescriptor file_;
};

}  // namespace

bool write_all(int descriptor, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return true;
}

Result<std::vector<std::uint8_t>> read_file(const std::string& path, std::size_t limit) {
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return fail(ErrorCode::io, "{}: cannot be opened: {}", path, std::strerror(errno));
    // One byte more than the file has shows its end. A device tells no size.
    constexpr std::size_t smallest = 4096;
    struct stat status {};
    const std::size_t size = ::fstat(file.get(), &status) == 0 ? static_cast<std::size_t>(status.st_size) : 0;
    std::vector<std::uint8_t> bytes(std::max(smallest, std::min(size, limit) + 1));
    std::size_t used = 0;
    for (;;) {
        if (used == bytes.size()) bytes.resize(2 * used);
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

class OutputFile::Impl {
  public:
    static Result<std::unique_ptr<Impl>> create(const std::string& path) {
        OCTET_ASSIGN(const Target target, target_of(path));
        auto impl = std::make_unique<Impl>(path, target.path);
        if (target.is_special) {
            // A device or a pipe cannot be replaced by a file: the bytes go into it.
            impl->special_ = FileDescriptor(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
            if (impl->special_.get() < 0) return cannot_be_written(path, errno);
            return impl;
        }
        const fs::path folder = folder_of(target.path);
        std::error_code error;
        fs::create_directories(folder, error);
        if (error) return fail(ErrorCode::io, "{}: its folder cannot be made: {}", path, error.message());
        impl->file_.emplace(folder);
        if (!impl->file_->is_open())
            return fail(ErrorCode::io, "{}: cannot be created: {}", path, std::strerror(errno));
        return impl;
    }
    Impl(std::string path, fs::path target) : path_(std::move(path)), target_(std::move(target)) {}

    Result<void> write(std::span<const std::byte> bytes) {
        if (!write_all(descriptor(), bytes)) return cannot_be_written(path_, errno);
        return {};
    }
    Result<void> write_at(std::int64_t offset, std::span<const std::byte> bytes) {
        if (::lseek(descriptor(), offset, SEEK_SET) < 0 || !write_all(descriptor(), bytes) ||
            ::lseek(descriptor(), 0, SEEK_END) < 0)
            return cannot_be_written(path_, errno);
        return {};
    }
    Result<void> finish() {
        const bool finished = file_ ? file_->appear_as(target_) : special_.close();
        return finished ? Result<void>() : cannot_be_written(path_, errno);
    }

  private:
    int descriptor() const { return file_ ? file_->descriptor() : special_.get(); }

    std::string path_;
    fs::path target_;
    std::optional<NewFile> file_;
    FileDescriptor special_{-1};
};

Result<OutputFile> OutputFile::create(const std::string& path) {
    OCTET_ASSIGN(auto impl, Impl::create(path));
    return OutputFile(std::move(impl));
}
OutputFile::OutputFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
OutputFile::OutputFile(OutputFile&&) noexcept = default;
OutputFile& OutputFile::operator=(OutputFile&&) noexcept = default;
OutputFile::~OutputFile() = default;

Result<void> OutputFile::write(std::span<const std::byte> bytes) {
    return impl_->write(bytes);
}
Result<void> OutputFile::write(std::string_view text) {
    return impl_->write(std::as_bytes(std::span(text)));
}
Result<void> OutputFile::write_at(std::int64_t offset, std::span<const std::byte> bytes) {
    return impl_->write_at(offset, bytes);
}
Result<void> OutputFile::finish() {
    return impl_->finish();
}

Result<void> write_file(const std::string& path, std::span<const std::byte> bytes) {
    OCTET_ASSIGN(OutputFile file, OutputFile::create(path));
    OCTET_TRY(file.write(bytes));
    return file.finish();
}

Result<void> write_file(const std::string& path, std::span<const std::uint8_t> bytes) {
    return write_file(path, std::as_bytes(bytes));
}

Result<void> write_file(const std::string& path, std::string_view text) {
    return write_file(path, std::as_bytes(std::span(text)));
}

Result<void> check_writable(const std::string& path) {
    OCTET_ASSIGN(const Target target, target_of(path));
    if (!target.is_special) return check_folder(folder_of(target.path), path);
    return ::access(path.c_str(), W_OK) == 0 ? Result<void>() : cannot_be_written(path, errno);
}

Result<void> check_folder_writable(const std::string& path) {
    return check_folder(path, path);
}

Result<void> check_distinct(const std::vector<std::string>& outputs, const std::vector<std::string>& inputs) {
    std::map<std::string, std::string> names;  // by identity
    for (const std::string& input : inputs) names.emplace(identity_of(input), input);
    const auto read = names;
    for (const std::string& output : outputs) {
        OCTET_ASSIGN(const Target target, target_of(output));
        if (target.is_special) continue;
        const auto [other, fresh] = names.emplace(identity_of(output), output);
        if (fresh) continue;
        if (read.contains(other->first))
            return fail(ErrorCode::conflict, "{}: would replace {}, which is read; give another name", output,
                        other->second == output ? "a file" : other->second);
        return fail(ErrorCode::conflict, "{}: would be written twice{}; give another name", output,
                    other->second == output ? "" : fmt::format(" (it is {} too)", other->second));
    }
    return {};
}

Result<void> check_outputs(const std::vector<std::string>& outputs, const std::vector<std::string>& inputs) {
    for (const std::string& output : outputs) OCTET_TRY(check_writable(output));
    return check_distinct(outputs, inputs);
}

std::string stem_of(const std::string& path) {
    return fs::path(path).stem().string();
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
