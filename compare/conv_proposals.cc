#include <cmath>
#include <set>

#include "compare/proposals.h"
#include "engine/npu_emu/accumulators.h"

namespace octet::compare {
namespace {

using engine::ConvOp;

ConvOp* conv_of(Variant& v) {
    return std::get_if<ConvOp>(&v.op.form);
}

// ---- weights

// Where each weight [o][i][y][x] comes from.
using Source = std::function<std::int64_t(std::int64_t o, std::int64_t i, std::int64_t y, std::int64_t x)>;

Tensor rearranged(const Tensor& weights, const Source& source) {
    const Shape& s = weights.shape();
    Tensor out(DType::int8, s);
    std::int8_t* to = out.mutable_data<std::int8_t>().data();
    const auto from = weights.data<std::int8_t>();
    for (std::int64_t o = 0; o < s[0]; ++o) {
        for (std::int64_t i = 0; i < s[1]; ++i) {
            for (std::int64_t y = 0; y < s[2]; ++y) {
                for (std::int64_t x = 0; x < s[3]; ++x) *to++ = from[static_cast<std::size_t>(source(o, i, y, x))];
            }
        }
    }
    return out;
}

// Rearrangements that differ from one another and from none at all, by what they do to some of the weights.
class Rearrangements {
  public:
    explicit Rearrangements(const Shape& shape) : s_(shape) {
        seen_.insert(signature([this](auto o, auto i, auto y, auto x) { return at(o, i, y, x); }));
    }
    std::int64_t at(std::int64_t o, std::int64_t i, std::int64_t y, std::int64_t x) const {
        return ((o * s_[1] + i) * s_[2] + y) * s_[3] + x;
    }
    bool is_new(const Source& source) { return seen_.insert(signature(source)).second; }

  private:
    std::vector<std::int64_t> signature(const Source& source) const {
        // All of few weights; else some that no period of the axes meets.
        constexpr std::int64_t most = 2048, stride = 1'000'003;
        const std::int64_t all = s_[0] * s_[1] * s_[2] * s_[3];
        std::vector<std::int64_t> marks;
        for (std::int64_t n = 0; n < std::min(all, most); ++n) {
            const std::int64_t k = all <= most ? n : n * stride % all;
            marks.push_back(
                source(k / (s_[1] * s_[2] * s_[3]), k / (s_[2] * s_[3]) % s_[1], k / s_[3] % s_[2], k % s_[3]));
        }
        return marks;
    }

    Shape s_;
    std::set<std::vector<std::int64_t>> seen_;
};

// The flat index of [o, i, y, x] where the axes are stored in `order`, "OHWI".
std::int64_t flat(std::string_view order, const Shape& s, std::int64_t o, std::int64_t i, std::int64_t y,
                  std::int64_t x) {
    std::int64_t index = 0;
    for (char axis : order) {
        switch (axis) {
            case 'O':
                index = index * s[0] + o;
                break;
            case 'I':
                index = index * s[1] + i;
                break;
            case 'H':
                index = index * s[2] + y;
                break;
            default:
                index = index * s[3] + x;
        }
    }
    return index;
}

void propose_weights(Proposals& p, const ConvOp& conv) {
    const Shape s = conv.weights.shape();
    Rearrangements known(s);
    const auto propose = [&](std::string_view id, const Source& source, const auto&... arguments) {
        if (!known.is_new(source)) return;
        p.add(
            id,
            [source](Variant& v) {
                ConvOp& other = *conv_of(v);
                other.weights = rearranged(other.weights, source);
                return true;
            },
            arguments...);
    };
    const auto at = [s](std::int64_t o, std::int64_t i, std::int64_t y, std::int64_t x) {
        return ((o * s[1] + i) * s[2] + y) * s[3] + x;
    };
    const std::int64_t h = s[2] - 1, w = s[3] - 1;
    propose("weights-flipped-rows", [=](auto o, auto i, auto y, auto x) { return at(o, i, h - y, x); });
    propose("weights-flipped-columns", [=](auto o, auto i, auto y, auto x) { return at(o, i, y, w - x); });
    propose(
        "weights-rotated-{}", [=](auto o, auto i, auto y, auto x) { return at(o, i, h - y, w - x); }, 180);
    if (h == w) {
        propose("weights-transposed", [=](auto o, auto i, auto y, auto x) { return at(o, i, x, y); });
        propose("weights-antitransposed", [=](auto o, auto i, auto y, auto x) { return at(o, i, w - x, h - y); });
        propose(
            "weights-rotated-{}", [=](auto o, auto i, auto y, auto x) { return at(o, i, x, h - y); }, 90);
        propose(
            "weights-rotated-{}", [=](auto o, auto i, auto y, auto x) { return at(o, i, w - x, y); }, 270);
    }
    if (s[0] == s[1]) {
        propose("weights-input-output-swapped", [=](auto o, auto i, auto y, auto x) { return at(i, o, y, x); });
    }
    const std::int64_t last_o = s[0] - 1, last_i = s[1] - 1;
    propose(
        "weights-channels-reversed-{}", [=](auto o, auto i, auto y, auto x) { return at(o, last_i - i, y, x); },
        "input");
    propose(
        "weights-channels-reversed-{}", [=](auto o, auto i, auto y, auto x) { return at(last_o - o, i, y, x); },
        "output");
    for (int by : {-1, 1}) {
        propose(
            "weights-channel-{}", [=](auto o, auto i, auto y, auto x) { return at((o + by + s[0]) % s[0], i, y, x); },
            fmt::format("{:+}", by));
    }
    constexpr std::string_view orders[] = {"OIHW", "OHWI", "HWIO", "IHWO", "IOHW", "HWOI", "OIWH"};
    for (std::string_view stored : orders) {
        for (std::string_view read : orders) {
            if (stored == read) continue;
            // `read` finds at an index of memory what `stored` put there.
            std::vector<std::int32_t> memory(static_cast<std::size_t>(conv.weights.size()));
            std::int32_t k = 0;
            for (std::int64_t o = 0; o < s[0]; ++o) {
                for (std::int64_t i = 0; i < s[1]; ++i) {
                    for (std::int64_t y = 0; y < s[2]; ++y) {
                        for (std::int64_t x = 0; x < s[3]; ++x)
                            memory[static_cast<std::size_t>(flat(stored, s, o, i, y, x))] = k++;
                    }
                }
            }
            const auto shared = std::make_shared<const std::vector<std::int32_t>>(std::move(memory));
            propose(
                "weights-order-{}-as-{}",
                [=](auto o, auto i, auto y, auto x) {
                    return std::int64_t{(*shared)[static_cast<std::size_t>(flat(read, s, o, i, y, x))]};
                },
                stored, read);
        }
    }
    const auto each = [&](std::string_view id, const std::function<int(int)>& f, const auto&... arguments) {
        p.add(
            id,
            [f](Variant& v) {
                Tensor& weights = conv_of(v)->weights;
                Tensor changed = weights;
                for (std::int8_t& value : changed.mutable_data<std::int8_t>())
                    value = static_cast<std::int8_t>(std::clamp(f(value), -128, 127));
                const bool same = identical(changed, weights);
                weights = std::move(changed);
                return !same;
            },
            arguments...);
    };
    each("weights-negated", [](int q) { return -q; });
    each("weights-clamped", [](int q) { return std::max(q, -127); });
    for (int bits : {4, 5, 6, 7}) {
        const int step = 1 << (8 - bits);
        each(
            "weights-bits-{}",
            [step](int q) { return static_cast<int>(std::lrint(q / static_cast<double>(step))) * step; }, bits);
    }
    for (const engine::Op& other : p.program().ops) {
        const auto* source = std::get_if<ConvOp>(&other.form);
        if (!source || &other == &p.op() || source->weights.shape() != s) continue;
        p.add(
            "weights-of-{}",
            [tensor = source->weights](Variant& v) {
                conv_of(v)->weights = tensor;
                return true;
            },
            other.name);
    }
}

// ---- scales

double power_of_two(double value, const std::string& way) {
    const double exponent = std::log2(value);
    return std::exp2(way == "nearest" ? std::round(exponent)
                     : way == "up"    ? std::ceil(exponent)
                                      : std::floor(exponent));
}

void propose_scales(Proposals& p, const ConvOp& conv) {
    const std::vector<double>& scales = conv.weight_scales;
    const std::size_t n = scales.size();
    const auto propose = [&](std::string_view id, const std::vector<double>& changed, const auto&... arguments) {
        if (changed == scales) return;
        // The bias as the file has it; or as a tool makes it from the scales that it believes in.
        for (bool bias_again : {false, true}) {
            if (bias_again && conv.bias.empty()) continue;
            p.add(
                id,
                [changed, bias_again](Variant& v) {
                    conv_of(v)->weight_scales = changed;
                    if (bias_again) conv_of(v)->integer_bias.clear();
                    return true;
                },
                arguments...);
        }
    };
    if (n > 1) {
        const auto [low, high] = std::minmax_element(scales.begin(), scales.end());
        double sum = 0;
        for (double s : scales) sum += s;
        const std::pair<const char*, double> ones[] = {{"largest", *high},
                                                       {"smallest", *low},
                                                       {"first", scales.front()},
                                                       {"last", scales.back()},
                                                       {"mean", sum / static_cast<double>(n)}};
        for (const auto& [words, value] : ones) propose("weight-scale-one-{}", std::vector<double>(n, value), words);
        std::vector<double> before(n), behind(n);
        for (std::size_t c = 0; c < n; ++c) {
            before[c] = scales[(c + n - 1) % n];
            behind[c] = scales[(c + 1) % n];
        }
        propose("weight-scale-channel-{}", before, "-1");
        propose("weight-scale-channel-{}", behind, "+1");
        before.front() = scales.front();
        behind.back() = scales.back();
        propose("weight-scale-channel-{}", before, "-1");
        propose("weight-scale-channel-{}", behind, "+1");
        propose("weight-scale-reversed", std::vector<double>(scales.rbegin(), scales.rend()));
    }
    for (const engine::Op& other : p.program().ops) {
        const auto* source = std::get_if<ConvOp>(&other.form);
        if (source && &other != &p.op() && source->weight_scales.size() == n)
            propose("weight-scale-of-{}", source->weight_scales, other.name);
    }
    const Grid* y = p.result_grid();
    for (const std::string way : {"nearest", "up", "down"}) {
        std::vector<double> rounded = scales, whole = scales;
        const double around = y ? static_cast<double>(conv.x.grid.scale) / y->scale : 1;
        for (std::size_t c = 0; c < n; ++c) {
            rounded[c] = power_of_two(scales[c], way);
            whole[c] = power_of_two(scales[c] * around, way) / around;
        }
        propose("weight-scale-power-of-two-{}", rounded, way);
        propose("scale-power-of-two-{}", whole, way);
    }
}

// ---- bias

void set_bias(ConvOp& conv, const std::vector<std::int64_t>& steps) {
    conv.integer_bias.clear();
    for (std::size_t o = 0; o < steps.size(); ++o)
        conv.integer_bias.push_back(
            static_cast<std::int32_t>(std::clamp<std::int64_t>(steps[o], INT32_MIN, INT32_MAX)));
    conv.bias.resize(steps.size());
    for (std::size_t o = 0; o < steps.size(); ++o)
        conv.bias[o] = static_cast<double>(steps[o]) * static_cast<double>(conv.x.grid.scale) * conv.weight_scales[o];
}

void propose_bias(Proposals& p, const ConvOp& conv) {
    const std::vector<std::int64_t> bias = engine::npu_emu::accumulator_bias(conv);
    const std::size_t n = bias.size();
    const auto propose = [&](std::string_view id, const std::vector<std::int64_t>& changed, const auto&... arguments) {
        if (changed == bias) return;
        p.add(
            id,
            [changed](Variant& v) {
                set_bias(*conv_of(v), changed);
                return true;
            },
            arguments...);
    };
    const auto each = [&](const std::function<std::int64_t(std::size_t)>& f) {
        std::vector<std::int64_t> changed(n);
        for (std::size_t o = 0; o < n; ++o) changed[o] = f(o);
        return changed;
    };
    propose("bias-missing", each([](std::size_t) { return 0; }));
    propose("bias-doubled", each([&](std::size_t o) { return 2 * bias[o]; }));
    propose("bias-negated", each([&](std::size_t o) { return -bias[o]; }));
    propose("bias-halved", each([&](std::size_t o) { return bias[o] / 2; }));
    propose("bias-channel-{}", each([&](std::size_t o) { return bias[(o + n - 1) % n]; }), "-1");
    propose("bias-channel-{}", each([&](std::size_t o) { return bias[(o + 1) % n]; }), "+1");
    propose("bias-reversed", each([&](std::size_t o) { return bias[n - 1 - o]; }));
    for (int bits : {8, 12, 14, 16, 18, 20, 24}) {
        using engine::npu_emu::Accumulator;
        using engine::npu_emu::Overflow;
        for (const Overflow overflow : {Overflow::saturate, Overflow::wrap}) {
            Accumulator narrow;
            narrow.bits = bits;
            narrow.overflow = overflow;
            propose(overflow == Overflow::wrap ? "bias-wraps-{}" : "bias-saturates-{}",
                    each([&](std::size_t o) { return engine::npu_emu::limited(bias[o], narrow); }), bits);
        }
    }
    for (const engine::Op& other : p.program().ops) {
        const auto* source = std::get_if<ConvOp>(&other.form);
        if (source && &other != &p.op() && source->weight_scales.size() == n)
            propose("bias-of-{}", engine::npu_emu::accumulator_bias(*source), other.name);
    }
    // The zero point's part of the sum, wz * sum of w, is a bias where there is no padding, and is written there here.
    std::vector<std::int64_t> weight_sums(n);
    const auto weights = conv.weights.data<std::int8_t>();
    for (std::size_t k = 0; k < weights.size(); ++k) weight_sums[k / (weights.size() / n)] += weights[k];
    const int zero = conv.x.grid.zero_point, middle = conv.x.grid.dtype == DType::uint8 ? 128 : 0;
    propose("zero-point-correction-missing",
            each([&](std::size_t o) { return bias[o] + weight_sums[o] * (zero - middle); }));
    propose("zero-point-correction-doubled",
            each([&](std::size_t o) { return bias[o] - weight_sums[o] * (zero - middle); }));
}

void propose_padding(Proposals& p, const ConvOp& conv) {
    const engine::Window& w = conv.window;
    if (w.pad_top == 0 && w.pad_left == 0 && w.pad_bottom == 0 && w.pad_right == 0) return;
    const int zero = conv.x.grid.zero_point - (conv.x.grid.dtype == DType::uint8 ? 128 : 0);
    std::set<int> values = {0, -128, 127, -127, zero - 1, zero + 1, -zero};
    if (const Grid* y = p.result_grid()) values.insert(y->zero_point - (y->dtype == DType::uint8 ? 128 : 0));
    values.erase(zero);
    // 0 is what is seen in practice.
    std::vector<int> ordered(values.begin(), values.end());
    std::stable_sort(ordered.begin(), ordered.end(), [](int a, int b) { return (a == 0) > (b == 0); });
    for (int value : ordered) {
        if (value < -128 || value > 127) continue;
        p.add(
            "padding-{}",
            [value](Variant& v) {
                v.profile.padding_value = value;
                return true;
            },
            value);
    }
    const auto sides = [&](const engine::Window& other, std::string_view text) {
        if (other == w || std::min({other.pad_top, other.pad_left, other.pad_bottom, other.pad_right}) < 0) return;
        p.add(
            "padding-side-{}",
            [other](Variant& v) {
                conv_of(v)->window = other;
                return true;
            },
            text);
    };
    engine::Window other = w;
    std::swap(other.pad_top, other.pad_bottom);
    std::swap(other.pad_left, other.pad_right);
    sides(other, "exchanged");
    for (int by : {1, -1}) {
        other = w;
        other.pad_top += by, other.pad_left += by, other.pad_bottom -= by, other.pad_right -= by;
        sides(other, by > 0 ? "more-in-front" : "more-behind");
    }
}

}  // namespace

void propose_convolution(Proposals& p) {
    const auto* conv = std::get_if<ConvOp>(&p.op().form);
    if (!conv) return;
    propose_weights(p, *conv);
    propose_scales(p, *conv);
    propose_bias(p, *conv);
    propose_padding(p, *conv);
}

}  // namespace octet::compare
