#include "frontends/npz.h"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "base/file.h"
#include "frontends/npy.h"

namespace octet {
namespace {

constexpr std::uint32_t local_signature = 0x04034b50, central_signature = 0x02014b50, end_signature = 0x06054b50;
constexpr std::size_t local_size = 30, central_size = 46, end_size = 22;
constexpr std::uint64_t largest_central = std::uint64_t{1} << 27;
constexpr std::uint64_t deflate_ratio = 1032;  // the most that deflate can reach

template <typename T>
T little(const std::uint8_t* bytes) {
    T value = 0;
    for (std::size_t i = sizeof(T); i > 0; --i) value = static_cast<T>(value << 8 | bytes[i - 1]);
    return value;
}
std::uint16_t u16(const std::uint8_t* bytes) {
    return little<std::uint16_t>(bytes);
}
std::uint64_t u32(const std::uint8_t* bytes) {
    return little<std::uint32_t>(bytes);
}

void put(std::vector<std::uint8_t>& out, std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

Result<std::vector<std::uint8_t>> read_at(std::ifstream& file, std::uint64_t offset, std::uint64_t bytes,
                                          const std::string& where) {
    std::vector<std::uint8_t> data(bytes);
    file.clear();
    file.seekg(static_cast<std::streamoff>(offset));
    if (!file.read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(bytes)))
        return fail(ErrorCode::io, "{}: cannot be read", where);
    return data;
}

// The zip64 fields of an entry, each there only where the 32-bit one is full.
void widen(const std::uint8_t* extra, std::size_t length, NpzEntry& entry) {
    for (std::size_t at = 0; at + 4 <= length;) {
        const std::uint16_t id = u16(extra + at), size = u16(extra + at + 2);
        if (at + 4 + size > length) return;
        if (id == 1) {
            std::size_t field = at + 4;
            for (std::uint64_t* value : {&entry.bytes, &entry.stored_bytes, &entry.offset}) {
                if (*value != 0xffffffffU || field + 8 > at + 4 + size) continue;
                *value = little<std::uint64_t>(extra + field);
                field += 8;
            }
        }
        at += 4U + size;
    }
}

Result<void> inflate_all(const std::vector<std::uint8_t>& from, std::string& to, const std::string& where) {
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return fail(ErrorCode::io, "{}: zlib has no memory", where);
    std::size_t read = 0, written = 0;
    int state = Z_OK;
    while (state == Z_OK && (written < to.size() || read < from.size())) {
        const auto in = static_cast<uInt>(std::min<std::size_t>(from.size() - read, 1U << 30));
        const auto out = static_cast<uInt>(std::min<std::size_t>(to.size() - written, 1U << 30));
        stream.next_in = const_cast<Bytef*>(from.data()) + read;  // NOLINT: zlib's interface
        stream.avail_in = in;
        stream.next_out = reinterpret_cast<Bytef*>(to.data()) + written;
        stream.avail_out = out;
        state = inflate(&stream, Z_NO_FLUSH);
        read += in - stream.avail_in;
        written += out - stream.avail_out;
    }
    inflateEnd(&stream);
    if (state != Z_STREAM_END || written != to.size())
        return fail(ErrorCode::io, "{}: its compressed data are damaged or of another length than stated", where);
    return {};
}

}  // namespace

Result<NpzReader> NpzReader::open(const std::string& path) {
    std::error_code error;
    NpzReader reader;
    reader.path_ = path;
    reader.size_ = std::filesystem::file_size(path, error);
    if (error) return fail(ErrorCode::io, "{}: cannot be opened: {}", path, error.message());
    reader.file_.open(path, std::ios::binary);
    if (!reader.file_) return fail(ErrorCode::io, "{}: cannot be opened", path);
    const auto refuse = [&](const char* why) { return fail(ErrorCode::io, "{}: not an npz file: {}", path, why); };
    if (reader.size_ < end_size) return refuse("it is too short");

    // The end record, behind which a comment may stand.
    const std::uint64_t tail = std::min<std::uint64_t>(reader.size_, end_size + 65535);
    OCTET_ASSIGN(const auto last, read_at(reader.file_, reader.size_ - tail, tail, path));
    std::size_t end = last.size();
    for (std::size_t at = last.size() - end_size + 1; at-- > 0;) {
        if (u32(&last[at]) == end_signature) {
            end = at;
            break;
        }
    }
    if (end == last.size()) return refuse("its directory is missing; is it truncated?");
    std::uint64_t count = u16(&last[end + 10]), directory_bytes = u32(&last[end + 12]),
                  directory = u32(&last[end + 16]);
    if ((count == 0xffff || directory == 0xffffffffU || directory_bytes == 0xffffffffU) && end >= 20) {
        const std::uint64_t zip64 = little<std::uint64_t>(&last[end - 12]);
        if (zip64 > reader.size_ || reader.size_ - zip64 < 56) return refuse("its directory is damaged");
        OCTET_ASSIGN(const auto record, read_at(reader.file_, zip64, 56, path));
        count = little<std::uint64_t>(&record[32]);
        directory_bytes = little<std::uint64_t>(&record[40]);
        directory = little<std::uint64_t>(&record[48]);
    }
    if (directory > reader.size_ || directory_bytes > reader.size_ - directory || directory_bytes > largest_central)
        return refuse("its directory is damaged");
    OCTET_ASSIGN(const auto central, read_at(reader.file_, directory, directory_bytes, path));
    std::size_t at = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        if (at + central_size > central.size() || u32(&central[at]) != central_signature)
            return refuse("its directory is damaged");
        const std::uint8_t* record = &central[at];
        const std::size_t name = u16(record + 28), extra = u16(record + 30), comment = u16(record + 32);
        if (at + central_size + name + extra + comment > central.size()) return refuse("its directory is damaged");
        NpzEntry entry;
        entry.name.assign(reinterpret_cast<const char*>(record) + central_size, name);
        entry.crc = static_cast<std::uint32_t>(u32(record + 16));
        entry.stored_bytes = u32(record + 20);
        entry.bytes = u32(record + 24);
        entry.offset = u32(record + 42);
        widen(record + central_size + name, extra, entry);
        at += central_size + name + extra + comment;
        const std::uint16_t method = u16(record + 10);
        if (!entry.name.ends_with(".npy"))
            return fail(ErrorCode::io, "{}: holds '{}', which is no npy array", path, entry.name);
        entry.name.resize(entry.name.size() - 4);
        if ((u16(record + 8) & 1) != 0 || (method != 0 && method != 8))
            return fail(ErrorCode::unsupported, "{}: '{}' is encrypted or compressed by another method than deflate",
                        path, entry.name);
        entry.deflated = method == 8;
        if (reader.find(entry.name)) return fail(ErrorCode::io, "{}: holds '{}' twice", path, entry.name);
        reader.entries_.push_back(std::move(entry));
    }
    return reader;
}

const NpzEntry* NpzReader::find(const std::string& name) const {
    for (const NpzEntry& entry : entries_) {
        if (entry.name == name) return &entry;
    }
    return nullptr;
}

Result<Tensor> NpzReader::load(const NpzEntry& entry, std::uint64_t limit) {
    const std::string where = fmt::format("{}: array '{}'", path_, entry.name);
    if (entry.bytes > limit)
        return fail(ErrorCode::out_of_range, "{}: takes {} bytes; {} are the limit", where, entry.bytes, limit);
    if (entry.offset > size_ || size_ - entry.offset < local_size)
        return fail(ErrorCode::io, "{}: lies outside of the file", where);
    OCTET_ASSIGN(const auto local, read_at(file_, entry.offset, local_size, where));
    const std::uint64_t begin = entry.offset + local_size + u16(&local[26]) + u16(&local[28]);
    if (u32(local.data()) != local_signature || begin > size_ || size_ - begin < entry.stored_bytes)
        return fail(ErrorCode::io, "{}: truncated or damaged", where);
    if (entry.deflated ? entry.bytes / deflate_ratio > entry.stored_bytes : entry.bytes != entry.stored_bytes)
        return fail(ErrorCode::io, "{}: {} bytes cannot come out of {}", where, entry.bytes, entry.stored_bytes);
    OCTET_ASSIGN(const auto stored, read_at(file_, begin, entry.stored_bytes, where));
    std::string bytes(entry.bytes, '\0');
    if (entry.deflated) {
        OCTET_TRY(inflate_all(stored, bytes, where));
    } else {
        std::copy(stored.begin(), stored.end(), bytes.begin());
    }
    if (crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()) != entry.crc)
        return fail(ErrorCode::io, "{}: its checksum is wrong", where);
    const std::uint64_t length = bytes.size();
    std::istringstream stream(std::move(bytes), std::ios::binary);
    return read_npy(stream, length, where);
}

Result<Tensor> NpzReader::load(const std::string& name) {
    const NpzEntry* entry = find(name);
    if (!entry) return fail(ErrorCode::io, "{}: holds no array '{}'", path_, name);
    return load(*entry);
}

Result<NpzWriter> NpzWriter::create(const std::string& path) {
    OCTET_TRY(check_writable(path));
    NpzWriter writer;
    writer.path_ = path;
    writer.temporary_ = fmt::format("{}.{}.tmp", path, ::getpid());
    std::error_code error;
    const auto folder = std::filesystem::path(path).parent_path();
    if (!folder.empty()) std::filesystem::create_directories(folder, error);
    writer.file_.open(writer.temporary_, std::ios::binary | std::ios::trunc);
    if (!writer.file_) return fail(ErrorCode::io, "{}: cannot be written", path);
    return writer;
}

NpzWriter::NpzWriter(NpzWriter&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      file_(std::move(other.file_)),
      entries_(std::move(other.entries_)),
      at_(other.at_) {}

NpzWriter::~NpzWriter() {
    if (temporary_.empty()) return;
    file_.close();
    std::error_code ignored;
    std::filesystem::remove(temporary_, ignored);
}

Result<void> NpzWriter::add(const std::string& name, const Tensor& tensor) {
    const std::vector<std::uint8_t> header = npy_header(tensor.dtype(), tensor.shape());
    NpzEntry entry;
    entry.name = name;
    entry.offset = at_;
    entry.bytes = entry.stored_bytes = header.size() + tensor.bytes();
    if (at_ + entry.bytes + local_size + name.size() + 4 > 0xffffffffU || entries_.size() == 0xffff - 1)
        return fail(ErrorCode::out_of_range, "{}: more than 4 GiB; write a folder of npy files, or fewer layers",
                    path_);
    uLong crc = crc32_z(0, header.data(), header.size());
    if (tensor.bytes() > 0) crc = crc32_z(crc, reinterpret_cast<const Bytef*>(tensor.raw()), tensor.bytes());
    entry.crc = static_cast<std::uint32_t>(crc);
    std::vector<std::uint8_t> local;
    put(local, local_signature, 4);
    put(local, 20, 2);          // version needed
    put(local, 0x0800, 2);      // names are UTF-8
    put(local, 0, 2);           // stored
    put(local, 0x00210000, 4);  // 1 January 1980: the same arrays give the same file
    put(local, entry.crc, 4);
    put(local, entry.bytes, 4);
    put(local, entry.bytes, 4);
    put(local, name.size() + 4, 2);
    put(local, 0, 2);
    for (char c : name + ".npy") local.push_back(static_cast<std::uint8_t>(c));
    file_.write(reinterpret_cast<const char*>(local.data()), static_cast<std::streamsize>(local.size()));
    file_.write(reinterpret_cast<const char*>(header.data()), static_cast<std::streamsize>(header.size()));
    file_.write(reinterpret_cast<const char*>(tensor.raw()), static_cast<std::streamsize>(tensor.bytes()));
    if (!file_) return fail(ErrorCode::io, "{}: cannot be written; is the disk full?", path_);
    at_ += local.size() + entry.bytes;
    entries_.push_back(std::move(entry));
    return {};
}

Result<void> NpzWriter::close() {
    std::vector<std::uint8_t> central;
    for (const NpzEntry& entry : entries_) {
        put(central, central_signature, 4);
        put(central, 20, 2);  // version made by
        put(central, 20, 2);
        put(central, 0x0800, 2);
        put(central, 0, 2);
        put(central, 0x00210000, 4);
        put(central, entry.crc, 4);
        put(central, entry.bytes, 4);
        put(central, entry.bytes, 4);
        put(central, entry.name.size() + 4, 2);
        put(central, 0, 2 + 2 + 2 + 2);  // extra, comment, disk, internal attributes
        put(central, 0, 4);
        put(central, entry.offset, 4);
        for (char c : entry.name + ".npy") central.push_back(static_cast<std::uint8_t>(c));
    }
    const std::uint64_t directory = central.size();
    put(central, end_signature, 4);
    put(central, 0, 4);
    put(central, entries_.size(), 2);
    put(central, entries_.size(), 2);
    put(central, directory, 4);
    put(central, at_, 4);
    put(central, 0, 2);
    file_.write(reinterpret_cast<const char*>(central.data()), static_cast<std::streamsize>(central.size()));
    file_.close();
    if (!file_) return fail(ErrorCode::io, "{}: cannot be written; is the disk full?", path_);
    std::error_code error;
    std::filesystem::rename(temporary_, path_, error);
    if (error) return fail(ErrorCode::io, "{}: {}", path_, error.message());
    temporary_.clear();
    return {};
}

}  // namespace octet
