#include "frontends/onnx/proto_file.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message_lite.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>

#include "frontends/onnx/file_handle.h"

namespace octet::onnx {
namespace {

namespace pb = google::protobuf;

// The schema nests six messages deep; what goes deeper is an attack on the stack.
constexpr int max_depth = 16;
constexpr std::int64_t max_bytes = std::numeric_limits<int>::max();

class FileStream final : public pb::io::CopyingInputStream {
  public:
    explicit FileStream(std::FILE* file) : file_(file) {}
    int Read(void* buffer, int size) override {
        const std::size_t count = std::fread(buffer, 1, static_cast<std::size_t>(size), file_);
        if (count == 0 && std::ferror(file_)) {
            error_ = errno;
            return -1;
        }
        return static_cast<int>(count);
    }
    int error() const { return error_; }

  private:
    std::FILE* file_;
    int error_ = 0;
};

bool parse_stream(pb::io::ZeroCopyInputStream& stream, pb::MessageLite& message) {
    pb::io::CodedInputStream coded(&stream);
    coded.SetRecursionLimit(max_depth);
    return message.ParseFromCodedStream(&coded) && coded.ConsumedEntireMessage();
}

Result<void> check_size(std::uintmax_t size, const std::string& what) {
    if (size == 0) return fail(ErrorCode::invalid_model, "is empty, {} was expected", what);
    if (size > static_cast<std::uintmax_t>(max_bytes)) {
        return fail(ErrorCode::out_of_range,
                    "has {} bytes; {} has 2 GB at the most (large tensors belong into external data files)", size,
                    what);
    }
    return {};
}

tl::unexpected<Error> damaged(const std::string& what) {
    return fail(ErrorCode::invalid_model, "is not {}, or it is truncated or damaged", what);
}

Result<void> parse_open_file(const std::string& path, pb::MessageLite& message, const std::string& what) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (status.type() == std::filesystem::file_type::not_found) return fail(ErrorCode::io, "no such file");
    if (error) return fail(ErrorCode::io, "cannot be read: {}", error.message());
    if (std::filesystem::is_directory(status)) return fail(ErrorCode::io, "is a directory, {} was expected", what);
    if (!std::filesystem::is_regular_file(status)) return fail(ErrorCode::io, "is not a regular file");
    const auto size = std::filesystem::file_size(path, error);
    if (error) return fail(ErrorCode::io, "cannot be read: {}", error.message());
    OCTET_TRY(check_size(size, what));

    const FileHandle file(std::fopen(path.c_str(), "rb"));
    if (!file) return fail(ErrorCode::io, "cannot be read: {}", std::strerror(errno));
    FileStream bytes(file.get());
    pb::io::CopyingInputStreamAdaptor stream(&bytes);
    const bool parsed = parse_stream(stream, message);
    if (bytes.error() != 0) return fail(ErrorCode::io, "cannot be read: {}", std::strerror(bytes.error()));
    if (!parsed) return damaged(what);
    return {};
}

}  // namespace

Result<void> parse_bytes(std::span<const std::byte> bytes, pb::MessageLite& message, const std::string& what) {
    OCTET_TRY(check_size(bytes.size(), what));
    pb::io::ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
    if (!parse_stream(stream, message)) return damaged(what);
    return {};
}

Result<void> parse_file(const std::string& path, pb::MessageLite& message, const std::string& what) {
    auto parsed = parse_open_file(path, message, what);
    if (!parsed) return at(path, std::move(parsed).error());
    return {};
}

}  // namespace octet::onnx
