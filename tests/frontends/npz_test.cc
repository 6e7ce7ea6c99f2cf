// Zip archives that are written and read back, and those that lie about what is in them.

#include "frontends/npz.h"

#include <gmock/gmock.h>
#include <zlib.h>

#include "base/file.h"
#include "frontends/npy.h"
#include "tests/temporary_folder.h"

namespace octet {
namespace {

using testing::HasSubstr;

std::string little(std::uint64_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
    return text;
}

std::string deflated(const std::string& bytes) {
    z_stream stream{};
    EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    std::string out(deflateBound(&stream, bytes.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // NOLINT: zlib's interface
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

// An archive of one deflated member that states `bytes` of it.
std::string archive(const std::string& name, const std::string& content, std::uint64_t bytes) {
    const std::string data = deflated(content);
    const std::string sizes = little(crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size()), 4) +
                              little(data.size(), 4) + little(bytes, 4) + little(name.size(), 2) + little(0, 2);
    const std::string common = little(20, 2) + little(0, 2) + little(8, 2) + little(0, 4) + sizes;
    const std::string local = "PK\x03\x04" + common + name + data;
    const std::string central = "PK\x01\x02" + little(20, 2) + common + std::string(14, '\0') + name;
    return local + central + "PK\x05\x06" + little(0, 4) + little(1, 2) + little(1, 2) + little(central.size(), 4) +
           little(local.size(), 4) + little(0, 2);
}

class Npz : public testing::Test {
  protected:
    Result<Tensor> read(const std::string& text, std::uint64_t limit = std::uint64_t{1} << 34) {
        const std::string path = folder_ / "a.npz";
        EXPECT_TRUE(write_file(path, text));
        OCTET_ASSIGN(NpzReader reader, NpzReader::open(path));
        return reader.load(reader.entries().front(), limit);
    }
    std::string npy(std::int64_t bytes) {
        const std::string path = folder_ / "a.npy";
        EXPECT_TRUE(save_npy(Tensor(DType::int8, {bytes}), path));
        const auto read = read_file(path, std::size_t{1} << 28).value();
        return std::string(read.begin(), read.end());
    }

    TemporaryFolder folder_;
};

TEST_F(Npz, ReadsWhatIsDeflated) {
    const std::string bytes = npy(1000);
    const auto tensor = read(archive("a.npy", bytes, bytes.size()));
    ASSERT_TRUE(tensor) << tensor.error().message;
    EXPECT_EQ(tensor->shape(), (Shape{1000}));
}

// 4 MB of zeros are 4 kB here.
TEST_F(Npz, BombsAreRefusedBeforeTheyAreInflated) {
    const std::string bytes = npy(std::int64_t{1} << 22);
    const auto within = [&](std::uint64_t stated, std::uint64_t limit) {
        const auto tensor = read(archive("a.npy", bytes, stated), limit);
        return tensor ? "read" : tensor.error().message;
    };
    EXPECT_THAT(within(bytes.size(), 1 << 20), HasSubstr("'a': takes 4194432 bytes; 1048576 are the limit"));
    EXPECT_THAT(within(4096, 1 << 20),
                HasSubstr("'a': its compressed data are damaged or of another length than stated"));
    EXPECT_THAT(within(0xf0000000U, std::uint64_t{1} << 34), HasSubstr("bytes cannot come out of"));
}

TEST_F(Npz, EveryCutIsAnError) {
    const std::string bytes = npy(100), whole = archive("a.npy", bytes, bytes.size());
    for (std::size_t length = 0; length < whole.size(); ++length)
        EXPECT_FALSE(read(whole.substr(0, length))) << length << " of " << whole.size();
}

}  // namespace
}  // namespace octet
