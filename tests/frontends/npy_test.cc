#include "frontends/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "tests/test_files.h"

namespace octet {
namespace {

using testing::HasSubstr;

// A version 1 file with this header dictionary and so many zero bytes behind it.
std::string npy(const std::string& dictionary, std::size_t data_bytes) {
    std::string file("\x93NUMPY\x01\x00", 8);
    file += static_cast<char>(dictionary.size() & 0xff);
    file += static_cast<char>(dictionary.size() >> 8);
    return file + dictionary + std::string(data_bytes, '\0');
}

std::string dictionary(const std::string& descr, const std::string& order, const std::string& shape) {
    return fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}\n", descr, order, shape);
}

std::string error_of(const std::string& content) {
    const TemporaryFolder folder;
    EXPECT_TRUE(write_file(folder / "x.npy", content));
    const auto tensor = load_npy(folder / "x.npy");
    if (tensor) return "no error";
    EXPECT_THAT(tensor.error().message, HasSubstr("x.npy: "));
    return tensor.error().message;
}

class NpyRoundTrip : public testing::TestWithParam<DType> {};

TEST_P(NpyRoundTrip, KeepsTypeShapeAndBytes) {
    const TemporaryFolder folder;
    for (const Shape& shape : {Shape{}, Shape{5}, Shape{2, 3, 4}, Shape{1, 0, 2}}) {
        Tensor tensor(GetParam(), shape);
        for (std::int64_t i = 0; i < static_cast<std::int64_t>(tensor.bytes()); ++i)
            tensor.mutable_raw()[i] = static_cast<std::byte>(GetParam() == DType::boolean ? i % 2 : i);
        ASSERT_TRUE(save_npy(tensor, folder / "x.npy"));
        const auto loaded = load_npy(folder / "x.npy");
        ASSERT_TRUE(loaded) << loaded.error().message;
        EXPECT_TRUE(identical(*loaded, tensor)) << to_string(shape);
        // NumPy maps the elements where they lie, so they must be aligned.
        EXPECT_EQ((std::filesystem::file_size(folder / "x.npy") - tensor.bytes()) % 64, 0U);
    }
    EXPECT_EQ(folder.file_count(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Types, NpyRoundTrip,
                         testing::Values(DType::float32, DType::float64, DType::int8, DType::uint8, DType::int16,
                                         DType::uint16, DType::int32, DType::uint32, DType::int64, DType::uint64,
                                         DType::boolean),
                         [](const auto& test) { return std::string(dtype_name(test.param)); });

TEST(Npy, ReadsWhatNumPyWrites) {
    OCTET_NEEDS_SHARED("golden/scene-000001.det_out.npy");
    const auto tensor = load_npy(shared_folder + "/golden/scene-000001.det_out.npy");
    ASSERT_TRUE(tensor) << tensor.error().message;
    EXPECT_EQ(tensor->shape(), (Shape{1, 25200, 6}));
}

TEST(Npy, SpellingsOfTheSame) {
    EXPECT_EQ(error_of(npy(dictionary("<f4", "False", "(2, 3)"), 24)), "no error");
    EXPECT_EQ(error_of(npy("{'shape':(2,3),'fortran_order':False,'descr':'<f4'}", 24)), "no error");
    EXPECT_EQ(error_of(npy(dictionary("<f4", "False", "(6,)"), 24)), "no error");
    EXPECT_EQ(error_of(npy(dictionary("<f4", "True", "(6,)"), 24)), "no error");  // one dimension has one order
}

TEST(Npy, HostileFiles) {
    EXPECT_THAT(error_of(""), HasSubstr("not an npy file"));
    EXPECT_THAT(error_of("PK\x03\x04 an npz archive"), HasSubstr("not an npy file"));
    EXPECT_THAT(error_of(std::string("\x93NUMPY\x09\x00\x00\x00", 10)), HasSubstr("format version 9"));
    EXPECT_THAT(error_of(std::string("\x93NUMPY\x01\x00\xff\x00{'de", 14)), HasSubstr("truncated npy header"));
    EXPECT_THAT(error_of(std::string("\x93NUMPY\x02\x00\xff\xff\xff\x7f", 12)), HasSubstr("npy header"));
    EXPECT_THAT(error_of(npy("{}", 0)), HasSubstr("'descr'"));
    for (const char* other : {"|O", "<c8", "<f16", "<U3", "|V2", "|f4", "|f2", "<f1", "?f4"})
        EXPECT_THAT(error_of(npy(dictionary(other, "False", "(1,)"), 8)),
                    HasSubstr(fmt::format("'{}' are not read; bool, integers", other)));
    EXPECT_THAT(error_of(npy(dictionary("<f2", "False", "(2, 3)"), 24)),
                HasSubstr("a float16 array of shape 2x3 takes 12 bytes, the file holds 24"));
    EXPECT_THAT(error_of(npy(dictionary("<f4", "True", "(2, 3)"), 24)), HasSubstr("Fortran order"));
    EXPECT_THAT(error_of(npy(dictionary("<f4", "False", "(-1, 3)"), 24)), HasSubstr("valid 'shape'"));
    EXPECT_THAT(error_of(npy(dictionary("<f4", "False", "(1x, 3)"), 24)), HasSubstr("valid 'shape'"));
    EXPECT_THAT(error_of(npy(dictionary("<f4", "False", "(2, 3"), 24)), HasSubstr("valid 'shape'"));
    EXPECT_THAT(error_of(npy(dictionary("<f4", "False", "(99999999999999999999,)"), 4)), HasSubstr("valid 'shape'"));
    EXPECT_THAT(error_of(npy(dictionary("<f4", "False", "(3000000000, 3000000000)"), 4)), HasSubstr("x.npy: "));
    EXPECT_THAT(error_of(npy(dictionary("<f4", "False", "(2000000000,)"), 4)), HasSubstr("takes 8000000000 bytes"));
    EXPECT_THAT(error_of(npy(dictionary("<f4", "False", "(2, 3)"), 23)),
                HasSubstr("takes 24 bytes, the file holds 23"));
    EXPECT_THAT(error_of(npy(dictionary("<f4", "False", "(2, 3)"), 25)),
                HasSubstr("takes 24 bytes, the file holds 25"));
}

// 1, -2, the smallest and the largest half, infinity.
TEST(Npy, HalvesBecomeFloats) {
    const TemporaryFolder folder;
    const std::string little("\x00\x3C\x00\xC0\x01\x00\xFF\x7B\x00\x7C", 10);
    for (const char* descr : {"<f2", ">f2"}) {
        std::string elements = little;
        if (descr[0] == '>')
            for (std::size_t i = 0; i < elements.size(); i += 2) std::swap(elements[i], elements[i + 1]);
        ASSERT_TRUE(write_file(folder / "x.npy", npy(dictionary(descr, "False", "(5,)"), 0) + elements));
        const auto tensor = load_npy(folder / "x.npy");
        ASSERT_TRUE(tensor) << tensor.error().message;
        const std::vector<float> expected = {1, -2, 0x1p-24F, 65504, std::numeric_limits<float>::infinity()};
        EXPECT_TRUE(identical(*tensor, Tensor::from<float>({5}, expected))) << descr;
    }
}

TEST(Npy, BigEndianElementsAreTurned) {
    const TemporaryFolder folder;
    const auto load = [&](const char* descr, std::string_view elements) {
        EXPECT_TRUE(write_file(folder / "x.npy", npy(dictionary(descr, "False", "(2,)"), 0).append(elements)));
        auto tensor = load_npy(folder / "x.npy");
        EXPECT_TRUE(tensor) << tensor.error().message;
        return std::move(*tensor);
    };
    using std::string_view;
    EXPECT_TRUE(identical(load(">f4", string_view("\x3F\x80\0\0\xC0\0\0\0", 8)), Tensor::from<float>({2}, {1, -2})));
    EXPECT_TRUE(identical(load(">i2", string_view("\x01\x02\xFF\xFE", 4)), Tensor::from<std::int16_t>({2}, {258, -2})));
    EXPECT_TRUE(identical(load(">u1", "\x01\x02"), Tensor::from<std::uint8_t>({2}, {1, 2})));
}

TEST(Npy, BooleansAreZeroOrOne) {
    const TemporaryFolder folder;
    std::string file = npy(dictionary("|b1", "False", "(1,)"), 1);
    file.back() = '\x02';
    ASSERT_TRUE(write_file(folder / "x.npy", file));
    EXPECT_EQ(load_npy(folder / "x.npy")->raw()[0], std::byte{1});
}

}  // namespace
}  // namespace octet
