// Convolutions that TensorFlow Lite computed, from CMSIS-NN's unit tests: the convolution's accumulators and the rules
// "double" and "m16" against another project's integers.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/npu_emu/rules.h"
#include "kernels/conv.h"
#include "tests/kernels/planes.h"

namespace octet::engine::npu_emu {
namespace {

using namespace kernels;  // NOLINT(google-build-using-namespace): the convolution and its planes

using Json = nlohmann::json;

const std::filesystem::path folder = std::filesystem::path(OCTET_SOURCE_DIR) / "data/truth/cmsis-nn";

struct Case {
    std::string name;
    bool depthwise, wide;
    int in_h, in_w, cin, out_h, out_w, cout, kernel_h, kernel_w, groups, stride_h, stride_w, pad_h, pad_w, dilation_h,
        dilation_w;
    std::int64_t input_offset, output_offset, low, high;
    std::vector<std::int32_t> multiplier, shift, input, weights, output;
    std::vector<std::int64_t> bias;

    explicit Case(const Json& j) {
        name = j["name"];
        depthwise = j["weight_layout"] == "1HWO";
        wide = j["input_dtype"] == "int16";
        const std::vector<int> in = j["input_shape_nhwc"], out = j["output_shape_nhwc"], w = j["weight_shape"];
        in_h = in[1], in_w = in[2], cin = in[3], out_h = out[1], out_w = out[2], cout = out[3];
        kernel_h = w[1], kernel_w = w[2];
        groups = j["groups"];
        stride_h = j["stride"][0], stride_w = j["stride"][1];
        pad_h = j["pad"][0], pad_w = j["pad"][1];
        dilation_h = j["dilation"][0], dilation_w = j["dilation"][1];
        input_offset = j["input_offset"], output_offset = j["output_offset"];
        low = j["activation_min"], high = j["activation_max"];
        j["multiplier"].get_to(multiplier);
        j["shift"].get_to(shift);
        j["input"].get_to(input);
        j["weights"].get_to(weights);
        j["output"].get_to(output);
        bias.assign(static_cast<std::size_t>(cout), 0);
        if (j.contains("bias") && !j["bias"].is_null() && !j["bias"].empty()) j["bias"].get_to(bias);
    }

    int batch() const { return static_cast<int>(input.size()) / (in_h * in_w * cin); }
    int group_in() const { return cin / groups; }
    std::int32_t weight(int o, int ky, int kx, int i) const {
        return depthwise ? weights[(ky * kernel_w + kx) * cout + o]
                         : weights[((o * kernel_h + ky) * kernel_w + kx) * group_in() + i];
    }
};

std::vector<Case> load_cases() {
    std::vector<Case> cases;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() != ".json") continue;
        std::ifstream file(entry.path());
        const Json json = Json::parse(file);
        if (json.is_array()) {
            for (const Json& one : json) cases.emplace_back(one);
        } else {
            cases.emplace_back(json);
        }
    }
    return cases;
}

// Of a buffer with buffer_alignment bytes to spare.
std::byte* aligned_in(std::vector<std::byte>& buffer) {
    return buffer.data() + (buffer_alignment - reinterpret_cast<std::uintptr_t>(buffer.data()) % buffer_alignment);
}

// int8 x = u8 - 128: sum (x + input_offset) * w = sum u8 * w + (input_offset - 128) * sum w, and padding is
// x = -input_offset.
std::vector<std::int64_t> accumulate_u8(const Case& c, int image) {
    Random random(1);
    const ConvParams params{c.kernel_h,   c.kernel_w,   c.stride_h, c.stride_w, c.pad_h, c.pad_w,
                            c.dilation_h, c.dilation_w, c.groups,   c.cin,      c.cout};
    const int halo = conv_halo(params, c.in_h, c.in_w, c.out_h, c.out_w);
    Plane<std::uint8_t> in(c.in_h, c.in_w, c.cin, halo, {}, random);
    in.fill(static_cast<std::uint8_t>(128 - c.input_offset));
    for (int i = 0; i < c.in_h * c.in_w * c.cin; ++i) {
        in.view().pixel(i / c.cin / c.in_w, i / c.cin % c.in_w)[i % c.cin] =
            static_cast<std::uint8_t>(c.input[image * c.in_h * c.in_w * c.cin + i] + 128);
    }
    std::vector<std::int8_t> weights;
    std::vector<std::int32_t> bias(fixed16_entries(c.cout));
    for (int o = 0; o < c.cout; ++o) {
        std::int64_t sum = 0;
        for (int tap = 0; tap < c.kernel_h * c.kernel_w; ++tap) {
            for (int i = 0; i < c.group_in(); ++i) {
                weights.push_back(static_cast<std::int8_t>(c.weight(o, tap / c.kernel_w, tap % c.kernel_w, i)));
                sum += weights.back();
            }
        }
        bias[o] = static_cast<std::int32_t>(c.bias[o] + (c.input_offset - 128) * sum);
    }
    Plane<std::int32_t> out(c.out_h, c.out_w, c.cout, 0, {}, random);
    ConvCall call{.params = params, .in = in.read()};
    const std::vector<std::int32_t> no_shift(bias.size());
    const std::vector<std::int16_t> no_mult(bias.size());
    call.epilogue.bias = bias.data();
    call.epilogue.shift = no_shift.data();
    call.epilogue.mult = no_mult.data();
    call.epilogue.output = OutputKind::s32;
    call.out_s32 = out.view();
    const ConvKernel& kernel = select_conv(detect(), params, weights.data());
    std::vector<std::byte> packed(kernel.packed_bytes(params, weights.data()) + buffer_alignment);
    kernel.pack(params, weights.data(), aligned_in(packed));
    call.packed = aligned_in(packed);
    std::vector<std::byte> scratch(kernel.scratch_bytes(call) + buffer_alignment);
    kernel.run(call, 0, kernel.units(call), aligned_in(scratch));
    std::vector<std::int64_t> acc;
    for (int i = 0; i < c.out_h * c.out_w * c.cout; ++i) {
        acc.push_back(out.view().pixel(i / c.cout / c.out_w, i / c.cout % c.out_w)[i % c.cout]);
    }
    return acc;
}

// int16 activations, 64-bit sums.
std::vector<std::int64_t> accumulate_s16(const Case& c, int image) {
    std::vector<std::int64_t> acc;
    for (int index = 0; index < c.out_h * c.out_w * c.cout; ++index) {
        const int o = index % c.cout, x = index / c.cout % c.out_w, y = index / c.cout / c.out_w;
        std::int64_t sum = c.bias[o];
        for (int ky = 0; ky < c.kernel_h; ++ky) {
            for (int kx = 0; kx < c.kernel_w; ++kx) {
                const int iy = y * c.stride_h - c.pad_h + ky * c.dilation_h,
                          ix = x * c.stride_w - c.pad_w + kx * c.dilation_w;
                if (iy < 0 || iy >= c.in_h || ix < 0 || ix >= c.in_w) continue;
                for (int i = 0; i < c.group_in(); ++i) {
                    const int channel = o / (c.cout / c.groups) * c.group_in() + i;
                    const std::int64_t value =
                        c.input[((image * c.in_h + iy) * c.in_w + ix) * c.cin + channel] + c.input_offset;
                    sum += value * c.weight(o, ky, kx, i);
                }
            }
        }
        acc.push_back(sum);
    }
    return acc;
}

int count_differences(const Case& c, RequantRule rule) {
    int differences = 0;
    for (int image = 0; image < c.batch(); ++image) {
        const std::vector<std::int64_t> acc = c.wide ? accumulate_s16(c, image) : accumulate_u8(c, image);
        for (std::size_t i = 0; i < acc.size(); ++i) {
            const std::size_t o = i % static_cast<std::size_t>(c.cout);
            const Requantizer r{.rule = rule,
                                .m = c.multiplier[o],
                                .e = c.shift[o],
                                .zero_point = static_cast<std::int32_t>(c.output_offset),
                                .range = {static_cast<int>(c.low), static_cast<int>(c.high)}};
            differences += requantize(acc[i], r) != c.output[image * acc.size() + i];
        }
    }
    return differences;
}

TEST(CmsisNn, double_rounding_reproduces_every_case_and_single_rounding_does_not) {
    int cases = 0, outputs = 0, single_rounding_fails = 0;
    for (const Case& c : load_cases()) {
        ++cases;
        outputs += static_cast<int>(c.output.size());
        EXPECT_EQ(count_differences(c, c.wide ? RequantRule::m16 : RequantRule::double_round), 0) << c.name;
        if (c.wide) continue;
        const int differences = count_differences(c, RequantRule::single);
        EXPECT_LE(differences, 1) << c.name;
        single_rounding_fails += differences > 0;
    }
    RecordProperty("cases", cases);
    EXPECT_GE(cases, 35);
    EXPECT_GT(outputs, 10000);
    EXPECT_GE(single_rounding_fails, 4) << "the cases no longer tell single from double rounding";
}

}  // namespace
}  // namespace octet::engine::npu_emu
