// Float operators against what ONNX Runtime computed of random floats, bit for bit.

#include "engine/npu_emu/mlas.h"

#include <gtest/gtest.h>

#include <cstring>

#include "engine/npu_emu/rules.h"
#include "frontends/npz.h"
#include "tests/engine/npu_emu/truth.h"

namespace octet::engine::npu_emu {
namespace {

class Mlas : public testing::Test {
  protected:
    Tensor load(const std::string& name) { return reader_.load(name).value(); }
    static int differing(std::span<const float> a, std::span<const float> b) {
        if (a.size() != b.size()) return -1;
        int count = 0;
        for (std::size_t i = 0; i < a.size(); ++i) count += a[i] != b[i];
        return count;
    }
    // What the list of rules says that the file proves.
    static int listed(std::string_view operation) {
        for (const RuleInfo& rule : list_rules()) {
            if (rule.operation == operation && rule.name.starts_with("mlas")) return rule.proofs[0].values;
        }
        return 0;
    }

    NpzReader reader_ = NpzReader::open((*truth_folder("mlas/") / "mlas/float_operators.npz").string()).value();
};

TEST_F(Mlas, convolutions_add_in_its_order_on_every_level) {
    const auto cases = load("conv_cases").to_int64();
    // Where fused multiply-adds are instructions, and where they are not.
    for (const kernels::CpuFeatures features : {kernels::default_features(), kernels::CpuFeatures{}}) {
        int values = 0;
        for (std::size_t i = 0; i * 8 < cases.size(); ++i) {
            const std::string prefix = fmt::format("conv_{}_", i);
            const Tensor x = load(prefix + "x"), w = load(prefix + "w"), b = load(prefix + "b"), y = load(prefix + "y");
            Tensor computed(DType::float32, y.shape());
            MlasConv conv;
            conv.cin = static_cast<int>(x.shape()[1]), conv.cout = static_cast<int>(y.shape()[1]);
            conv.h = static_cast<int>(x.shape()[2]), conv.w = static_cast<int>(x.shape()[3]);
            conv.out_h = static_cast<int>(y.shape()[2]), conv.out_w = static_cast<int>(y.shape()[3]);
            conv.groups = static_cast<int>(cases[i * 8 + 7]);
            Window& window = conv.window;
            window.kernel_h = window.kernel_w = static_cast<int>(cases[i * 8 + 4]);
            window.stride_h = window.stride_w = static_cast<int>(cases[i * 8 + 5]);
            window.pad_top = window.pad_left = window.pad_bottom = window.pad_right =
                static_cast<int>(cases[i * 8 + 6]);
            conv.x = x.data<float>().data();
            conv.weights = w.data<float>().data();
            conv.bias = b.data<float>().data();
            conv.y = computed.mutable_data<float>().data();
            mlas_conv(conv, serial_for, features);
            EXPECT_EQ(differing(computed.data<float>(), y.data<float>()), 0) << "case " << i;
            values += static_cast<int>(y.size());
        }
        EXPECT_EQ(values, listed("conv"));
    }
}

TEST_F(Mlas, batch_normalizations_round_as_it_does) {
    const Tensor x = load("bn_x"), y = load("bn_y"), scale = load("bn_scale"), bias = load("bn_bias"),
                 mean = load("bn_mean"), variance = load("bn_variance");
    Tensor computed(DType::float32, y.shape());
    mlas_batch_normalization(x.data<float>(), x.shape()[2] * x.shape()[3], scale.data<float>(), bias.data<float>(),
                             mean.data<float>(), variance.data<float>(), 1e-3F, computed.mutable_data<float>());
    EXPECT_EQ(differing(computed.data<float>(), y.data<float>()), 0);
    EXPECT_EQ(y.size(), listed("float"));
}

}  // namespace
}  // namespace octet::engine::npu_emu
