#include "frontends/onnx/tensor_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "frontends/onnx/tensor_file.h"
#include "tests/frontends/onnx/model_builder.h"

namespace octet::onnx {
namespace {

using ::testing::HasSubstr;
using testing::write_text;

onnx_schema::TensorProto proto_of(int type, const Shape& shape) {
    onnx_schema::TensorProto proto;
    proto.set_data_type(type);
    for (const std::int64_t dimension : shape) proto.add_dims(dimension);
    return proto;
}

void expect_error(const onnx_schema::TensorProto& proto, ErrorCode code, const std::string& word,
                  const std::string& folder = "") {
    const auto tensor = decode(proto, folder);
    ASSERT_FALSE(tensor.has_value()) << "expected: " << word;
    EXPECT_EQ(tensor.error().code, code) << tensor.error().message;
    EXPECT_THAT(tensor.error().message, HasSubstr(word));
}

TEST(TensorCodec, every_dtype_survives_a_round_trip) {
    for (const DType type : {DType::float32, DType::float64, DType::int8, DType::uint8, DType::int16, DType::uint16,
                             DType::int32, DType::uint32, DType::int64, DType::uint64, DType::boolean}) {
        const Tensor tensor = Tensor::from<float>({2, 2}, {0, 1, 5, 100}).cast(type);
        onnx_schema::TensorProto proto;
        encode(tensor, proto);
        const auto decoded = decode(proto, "");
        ASSERT_TRUE(decoded.has_value()) << dtype_name(type) << ": " << decoded.error().message;
        EXPECT_TRUE(identical(tensor, *decoded)) << dtype_name(type);
    }
}

TEST(TensorCodec, typed_fields) {
    auto bytes = proto_of(3, {3});
    for (const int value : {-128, 0, 127}) bytes.add_int32_data(value);
    EXPECT_EQ(decode(bytes, "")->to_int64(), (std::vector<std::int64_t>{-128, 0, 127}));
    bytes.set_int32_data(1, 128);
    expect_error(bytes, ErrorCode::invalid_model, "element 1 is 128");

    auto words = proto_of(12, {2});
    words.add_uint64_data(0);
    words.add_uint64_data(4294967295U);
    EXPECT_EQ(decode(words, "")->to_int64(), (std::vector<std::int64_t>{0, 4294967295}));

    auto reals = proto_of(11, {});
    reals.add_double_data(0.1);
    EXPECT_EQ(decode(reals, "")->data<double>()[0], 0.1);

    auto truth = proto_of(9, {2});
    truth.set_raw_data(std::string("\x00\x02", 2));
    EXPECT_EQ(decode(truth, "")->to_int64(), (std::vector<std::int64_t>{0, 1}));
}

TEST(TensorCodec, half_precision_becomes_float) {
    // 1, -2, 65504 (the largest), 2^-24 (the smallest subnormal), -0, infinity
    const std::vector<int> halves = {0x3C00, 0xC000, 0x7BFF, 0x0001, 0x8000, 0x7C00};
    const std::vector<float> wanted = {1.0F, -2.0F, 65504.0F, 0x1p-24F, -0.0F, std::numeric_limits<float>::infinity()};
    auto proto = proto_of(10, {6});
    proto.mutable_int32_data()->Assign(halves.begin(), halves.end());
    auto decoded = decode(proto, "");
    ASSERT_TRUE(decoded.has_value()) << decoded.error().message;
    EXPECT_EQ(decoded->to_float(), wanted);
    EXPECT_TRUE(std::signbit(decoded->to_float()[4]));

    auto raw = proto_of(10, {1});
    raw.set_raw_data(std::string("\x00\x3C", 2));
    EXPECT_EQ(decode(raw, "")->to_float(), (std::vector<float>{1.0F}));
    raw.set_raw_data(std::string("\x00\x7E", 2));
    EXPECT_TRUE(std::isnan(decode(raw, "")->to_float()[0]));
    auto brain = proto_of(16, {1});
    brain.set_raw_data(std::string("\x80\xBF", 2));
    EXPECT_EQ(decode(brain, "")->to_float(), (std::vector<float>{-1.0F}));
}

TEST(TensorCodec, refuses_what_does_not_fit) {
    expect_error(proto_of(22, {2}), ErrorCode::unsupported, "int4");
    expect_error(proto_of(8, {2}), ErrorCode::unsupported, "string");
    expect_error(proto_of(99, {2}), ErrorCode::invalid_model, "data type 99");
    expect_error(proto_of(1, {2}), ErrorCode::invalid_model, "0 elements of data");
    auto shorter = proto_of(1, {2});
    shorter.set_raw_data("1234");
    expect_error(shorter, ErrorCode::invalid_model, "4 bytes of data, its shape 2 of float32 needs 8");
    // Two gigabytes claimed and nothing behind it: refused before the memory is asked for.
    auto claim = proto_of(1, {2000000000});
    claim.set_raw_data("1234");
    expect_error(claim, ErrorCode::invalid_model, "needs 8000000000");
    auto segment = proto_of(1, {0});
    segment.set_segment("");
    expect_error(segment, ErrorCode::unsupported, "segments");
}

onnx_schema::TensorProto external(const std::string& location, const std::string& offset = "",
                                  const std::string& length = "") {
    auto proto = proto_of(3, {4});
    proto.set_data_location(1);
    for (const auto& [key, value] : {std::pair{"location", location}, {"offset", offset}, {"length", length}}) {
        if (value.empty()) continue;
        auto* entry = proto.add_external_data();
        entry->set_key(key);
        entry->set_value(value);
    }
    return proto;
}

TEST(TensorCodec, external_data) {
    const TemporaryFolder folder;
    write_text(folder / "weights.bin", "abcdefgh");
    std::filesystem::create_directory(folder / "sub");
    write_text(folder / "sub/w.bin", "wxyz");
    std::filesystem::create_symlink("weights.bin", folder / "link.bin");

    const auto values = [&](const onnx_schema::TensorProto& proto) {
        const auto tensor = decode(proto, folder.path());
        EXPECT_TRUE(tensor.has_value()) << tensor.error().message;
        return tensor ? tensor->to_int64() : std::vector<std::int64_t>{};
    };
    EXPECT_EQ(values(external("weights.bin")), (std::vector<std::int64_t>{'a', 'b', 'c', 'd'}));
    EXPECT_EQ(values(external("weights.bin", "4", "4")), (std::vector<std::int64_t>{'e', 'f', 'g', 'h'}));
    EXPECT_EQ(values(external("sub/w.bin")), (std::vector<std::int64_t>{'w', 'x', 'y', 'z'}));
    EXPECT_EQ(values(external("link.bin")), (std::vector<std::int64_t>{'a', 'b', 'c', 'd'}));
}

TEST(TensorCodec, external_data_never_leaves_the_folder) {
    const TemporaryFolder outside;
    write_text(outside / "secret.bin", "abcdefgh");
    const TemporaryFolder folder;
    std::filesystem::create_symlink(outside / "secret.bin", folder / "escape.bin");
    std::filesystem::create_directory_symlink(outside.path(), folder / "escape");
    const std::string climb = "../" + std::filesystem::path(outside.path()).filename().string() + "/secret.bin";

    const auto expect_refused = [&](const std::string& location, const std::string& word) {
        expect_error(external(location), ErrorCode::invalid_model, word, folder.path());
    };
    expect_refused(outside / "secret.bin", "outside of the model's folder");
    expect_refused(climb, "outside of the model's folder");
    expect_refused("escape.bin", "symbolic link");
    expect_refused("escape/secret.bin", "symbolic link");
    expect_refused(std::string("a\0b", 3), "forbidden characters");
    expect_error(external("weights.bin"), ErrorCode::unsupported, "from memory", "");
}

TEST(TensorCodec, external_data_that_does_not_fit) {
    const TemporaryFolder folder;
    write_text(folder / "w.bin", "abcdefgh");
    const auto expect_refused = [&](const onnx_schema::TensorProto& proto, ErrorCode code, const std::string& word) {
        expect_error(proto, code, word, folder.path());
    };
    expect_refused(external("none.bin"), ErrorCode::io, "'none.bin' cannot be read");
    expect_refused(external("."), ErrorCode::io, "not a regular file");
    expect_refused(external(""), ErrorCode::invalid_model, "no location");
    expect_refused(external("w.bin", "5"), ErrorCode::invalid_model, "8 bytes, but 4 bytes at offset 5");
    expect_refused(external("w.bin", "18446744073709551615"), ErrorCode::invalid_model, "8 bytes, but");
    expect_refused(external("w.bin", "-1"), ErrorCode::invalid_model, "offset '-1'");
    expect_refused(external("w.bin", "0x2"), ErrorCode::invalid_model, "offset '0x2'");
    expect_refused(external("w.bin", "99999999999999999999999"), ErrorCode::invalid_model, "not a number");
    expect_refused(external("w.bin", "0", "5"), ErrorCode::invalid_model, "5 bytes, its shape needs 4");
}

TEST(TensorFile, reads_a_tensor) {
    const TemporaryFolder folder;
    onnx_schema::TensorProto proto;
    encode(Tensor::from<float>({3}, {1, 2, 3}), proto);
    write_text(folder / "input.pb", proto.SerializeAsString());
    const auto tensor = load_tensor(folder / "input.pb");
    ASSERT_TRUE(tensor.has_value()) << tensor.error().message;
    EXPECT_EQ(tensor->to_float(), (std::vector<float>{1, 2, 3}));
    const auto missing = load_tensor(folder / "none.pb");
    ASSERT_FALSE(missing.has_value());
    EXPECT_THAT(missing.error().message, HasSubstr("none.pb"));
}

}  // namespace
}  // namespace octet::onnx
