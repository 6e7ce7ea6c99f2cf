#include "compare/vectors.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <random>
#include <set>

#include "compare/comparison.h"
#include "compare/difference.h"
#include "compare/proposals.h"
#include "graph/quant/grid.h"

namespace octet::compare {
namespace {

namespace npu = engine::npu_emu;

// ---- networks of one layer

class OneLayer {
  public:
    Graph graph;

    ValueId input(const std::string& name, const Shape& shape) { return graph.add_input(name, DType::float32, shape); }
    ValueId constant(Tensor tensor) { return graph.add_constant(fmt::format("c{}", count_++), std::move(tensor)); }
    ValueId node(const std::string& op, const std::string& result, std::vector<ValueId> inputs,
                 Attributes attributes = {}) {
        return graph.node(graph.add_node(op, result + "_" + op, std::move(inputs), {result}, std::move(attributes)))
            .outputs[0];
    }
    // What a consumer reads of the quantized tensor.
    ValueId on_grid(ValueId value, const Grid& grid) {
        const std::string name = graph.value(value).name;
        const ValueId s = constant(Tensor::scalar(grid.scale));
        const ValueId z = constant(Tensor::scalar<std::int64_t>(grid.zero_point).cast(grid.dtype));
        const ValueId q = node("QuantizeLinear", name + "_q", {value, s, z});
        return node("DequantizeLinear", name + "_dq", {q, s, z});
    }

  private:
    int count_ = 0;
};

Grid int8_grid(float scale, int zero_point) {
    return {DType::int8, scale, zero_point};
}

struct Sum {
    std::int64_t accumulator = 0;
    double scale = 1;  // S = xs * ws / ys
};

// Of scales xs = ys = 1/16, S = ws exactly; others are given.
Vector conv_vector(const std::string& name, const std::string& about, const std::vector<Sum>& sums, int zero_point,
                   float xs = 0.0625F, float ys = 0.0625F) {
    OneLayer layer;
    const auto n = static_cast<std::int64_t>(sums.size());
    const Grid x = int8_grid(xs, -3), y = int8_grid(ys, zero_point);
    const ValueId input = layer.on_grid(layer.input("x", {1, 1, 1, 1}), x);
    Tensor weights(DType::int8, {n, 1, 1, 1}), bias(DType::int32, {n});
    std::vector<float> scales, bias_scales;
    for (std::int64_t i = 0; i < n; ++i) {
        const Sum& sum = sums[static_cast<std::size_t>(i)];
        weights.mutable_data<std::int8_t>()[static_cast<std::size_t>(i)] = 1;
        bias.mutable_data<std::int32_t>()[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(sum.accumulator);
        scales.push_back(static_cast<float>(sum.scale * double{ys} / double{xs}));
        bias_scales.push_back(xs * scales.back());
    }
    const ValueId s = layer.constant(Tensor::from<float>({n}, scales));
    const ValueId z = layer.constant(Tensor(DType::int8, {n}));
    const ValueId w =
        layer.node("DequantizeLinear", "w", {layer.constant(std::move(weights)), s, z}, {{"axis", std::int64_t{0}}});
    const ValueId b =
        layer.node("DequantizeLinear", "b",
                   {layer.constant(std::move(bias)), layer.constant(Tensor::from<float>({n}, bias_scales))},
                   {{"axis", std::int64_t{0}}});
    const ValueId conv = layer.node("Conv", "y", {input, w, b}, {{"kernel_shape", std::vector<std::int64_t>{1, 1}}});
    layer.graph.outputs.push_back(layer.on_grid(conv, y));
    return {name, "conv", about, std::move(layer.graph), {Tensor(DType::float32, {1, 1, 1, 1})}};
}

std::vector<Vector> conv_vectors() {
    std::vector<Vector> vectors;
    std::mt19937_64 random(14);
    const auto uniform = [&](double low, double high) {
        return low + (high - low) * static_cast<double>(random() >> 11) * 0x1p-53;
    };
    constexpr int many = 2000;
    constexpr double largest = 2147483647.0;
    // The accumulator next to the middle between two results.
    const auto near_tie = [&](double scale) {
        const auto as_stored = static_cast<double>(static_cast<float>(scale));
        const double steps = std::floor(uniform(-120, 120)) + 0.5;
        return Sum{static_cast<std::int64_t>(std::clamp(std::round(steps / as_stored), -largest, largest)), scale};
    };
    std::vector<Sum> sums;
    for (int i = 0; i < many; ++i) sums.push_back(near_tie(std::exp2(uniform(-24, -10))));
    vectors.push_back(conv_vector("conv-near-ties", "sums next to the middle between two results", sums, 4));

    std::vector<Sum> powers;
    for (int shift = 1; shift <= 22; ++shift) {
        for (int k = -44; k < 44; ++k) {
            const auto tie = static_cast<std::int64_t>(std::ldexp(k + 0.5, shift));
            powers.push_back({tie, std::exp2(-shift)});
        }
    }
    vectors.push_back(
        conv_vector("conv-powers-of-two", "exact ties, scales 2^-1 … 2^-22, an even zero point", powers, 4));
    vectors.push_back(conv_vector("conv-odd-zero-point", "the same behind an odd zero point", powers, 5));

    std::vector<Sum> beside;
    for (int shift = 2; shift <= 22; ++shift) {
        for (int k = -90; k < 90; k += 2) {
            const auto tie = static_cast<std::int64_t>(std::ldexp(k + 0.5, shift));
            for (int by : {-1, 1}) beside.push_back({tie + by, std::exp2(-shift)});
        }
    }
    vectors.push_back(
        conv_vector("conv-beside-ties", "scales 2^-2 … 2^-22, sums one beside the ties, up to 2^28", beside, 4));

    std::vector<Sum> quotients;
    for (int x = 3; x < 2000; x += 6) {
        for (int k = -110; k < 110; k += 23) {
            if (k != 0) quotients.push_back({k > 0 ? x : -x, std::abs(k + 0.5) / x});
        }
    }
    vectors.push_back(conv_vector("conv-quotients",
                                  "S such that an odd sum lies in the middle but for float32's rounding", quotients, 4,
                                  0.0419F, 0.0713F));

    // Above 1: halves, and quotients whose float32 lies next to a tie.
    std::vector<Sum> left;
    for (const double scale : {1.5, 2.5, 3.5, 4.5, 7.5, 1.25, 1.75, 2.25, 5.25, 1.125, 1.375}) {
        for (int x = -40; x <= 40; ++x) {
            if (std::abs(x * scale) < 125) left.push_back({x, scale});
        }
    }
    for (int x = 3; x < 83; x += 2) {
        for (int k = x + 1; k < 121; k += 3) {
            const auto quotient = static_cast<float>((k + 0.5) / x);
            for (const float scale : {std::nextafter(quotient, 0.0F), quotient, std::nextafter(quotient, 200.0F)}) {
                for (int sign : {-1, 1}) left.push_back({sign * x, static_cast<double>(scale)});
            }
        }
    }
    vectors.push_back(
        conv_vector("conv-left-shifts", "S > 1: exact ties, and scales one float32 beside them", left, 4));

    std::vector<Sum> edges;
    for (int bits : {16, 18, 20, 24, 32}) {
        const double edge = std::ldexp(1, bits - 1);
        for (int by = -12; by <= 12; ++by) {
            for (int sign : {-1, 1}) {
                const double acc = std::clamp(sign * edge + by, -largest - 1, largest);
                for (const double steps : {37.0, 61.3, 99.9, 0.5, 1.5, 2.5, 63.5, 100.5})
                    edges.push_back({static_cast<std::int64_t>(acc), steps / edge});
            }
        }
    }
    vectors.push_back(
        conv_vector("conv-accumulator-edges", "sums around -2^(b-1) and 2^(b-1), b = 16, 18, 20, 24, 32", edges, 4));

    std::vector<Sum> wide;
    for (int i = 0; i < many; ++i) wide.push_back(near_tie(std::exp2(uniform(-25, -23))));
    vectors.push_back(conv_vector("conv-int32-edges", "ties of sums that float32 cannot hold, up to 2^31", wide, 5));

    std::vector<Sum> clamped;
    for (int i = 0; i < many; ++i) {
        const double scale = std::exp2(uniform(-16, -8));
        clamped.push_back({static_cast<std::int64_t>(uniform(-400, 400) / scale), scale});
    }
    vectors.push_back(conv_vector("conv-beyond-range", "results on both sides of -128 and 127", clamped, 4));
    return vectors;
}

// Every integer of an int8 tensor.
Tensor all_integers(const Grid& grid, const Shape& shape, int step, int repeat) {
    Tensor tensor(DType::float32, shape);
    const auto out = tensor.mutable_data<float>();
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = quant::dequantize(static_cast<int>(i) / step % repeat - 128, grid);
    return tensor;
}

std::vector<Vector> pair_vectors(const std::string& kind) {
    struct Case {
        const char* name;
        const char* about;
        Grid a, b, y;
    };
    std::vector<Case> cases = {
        {"ties", "equal scales, half of the result's: exact ties", int8_grid(0.125F, 3), int8_grid(0.125F, -5),
         int8_grid(0.25F, 2)},
        {"odd-zero-point", "the same behind an odd zero point", int8_grid(0.125F, 3), int8_grid(0.125F, -5),
         int8_grid(0.25F, 7)},
        {"near-scales", "scales near one another", int8_grid(0.02371F, 11), int8_grid(0.02219F, -8),
         int8_grid(0.03517F, 5)},
        {"far-scales", "one scale 300 times the other", int8_grid(0.0907F, 1), int8_grid(0.000301F, -100),
         int8_grid(0.09F, 0)},
        {"left-shift", "a result finer than its operands", int8_grid(0.3F, 0), int8_grid(0.7F, 20),
         int8_grid(0.125F, -1)},
    };
    constexpr const char* near = "a pair that lies in the middle but for the rounding of the scales";
    if (kind == "mul") {
        // A product has the scale of the two together.
        for (Case& c : cases)
            c.y.scale = c.a.scale * c.b.scale * (std::string_view(c.name) == "left-shift" ? 0.3F : 64.0F);
        cases.push_back({"halves", "a scale of 1/2 from others that float32 rounds", int8_grid(0.0699615851F, -67),
                         int8_grid(0.5F, 3), int8_grid(0.0699615851F, 16)});
        cases.push_back({"near-tie-1", near, int8_grid(0.0815977231F, -39), int8_grid(0.00144824642F, 66),
                         int8_grid(0.0162576735F, 99)});
        cases.push_back({"near-tie-2", near, int8_grid(0.225747198F, 0), int8_grid(0.0014053199F, -97),
                         int8_grid(0.00995607395F, 40)});
        cases.push_back({"fine", "a scale of 2^-9", int8_grid(0.015625F, -99), int8_grid(0.00048828125F, 67),
                         int8_grid(0.00390625F, 19)});
    } else {
        cases.push_back({"near-tie-1", near, int8_grid(0.00380524388F, 14), int8_grid(0.0280378442F, -75),
                         int8_grid(0.00867469981F, 93)});
        cases.push_back({"near-tie-2", near, int8_grid(0.45256573F, 88), int8_grid(0.659480035F, -17),
                         int8_grid(0.744891703F, 95)});
    }
    std::vector<Vector> vectors;
    for (const Case& c : cases) {
        OneLayer layer;
        const Shape shape = {1, 1, 256, 256};
        const ValueId a = layer.on_grid(layer.input("a", shape), c.a), b = layer.on_grid(layer.input("b", shape), c.b);
        layer.graph.outputs.push_back(layer.on_grid(layer.node(kind == "mul" ? "Mul" : "Add", "y", {a, b}), c.y));
        vectors.push_back({fmt::format("{}-{}", kind, c.name),
                           kind,
                           std::string("all 65,536 pairs; ") + c.about,
                           std::move(layer.graph),
                           {all_integers(c.a, shape, 256, 256), all_integers(c.b, shape, 1, 256)}});
    }
    return vectors;
}

std::vector<Vector> unary_vectors(const std::string& kind) {
    struct Case {
        const char* name;
        const char* about;
        Grid x, y;
        float slope = 0.1F;
    };
    constexpr const char* near = "an integer that lies in the middle but for the rounding of the scales";
    const Case cases[] = {
        {"ties", "a scale of 1/2: exact ties", int8_grid(0.0625F, 4), int8_grid(0.125F, 2)},
        {"odd-zero-point", "the same behind odd zero points", int8_grid(0.0625F, 3), int8_grid(0.125F, 7)},
        {"quarters", "a scale of 1/4: ties between the two steps", int8_grid(0.0625F, 2), int8_grid(0.25F, -4)},
        {"finer", "a result with less range", int8_grid(0.0471F, -9), int8_grid(0.0213F, 12)},
        {"coarser", "a result with more range", int8_grid(0.0213F, 12), int8_grid(0.0471F, -9)},
        {"near", "nearly equal scales", int8_grid(0.030014F, 20), int8_grid(0.030011F, -20)},
        {"far", "a result of few steps", int8_grid(0.0107F, -31), int8_grid(0.31F, 64)},
        {"near-tie-1", near, int8_grid(0.0205949545F, 0), int8_grid(0.0244751628F, -46)},
        {"near-tie-2", near, int8_grid(0.0120723033F, -81), int8_grid(0.00630376441F, 6)},
        {"near-tie-3", near, int8_grid(0.0209917575F, -47), int8_grid(0.02108033F, -42)},
        {"near-tie-4", near, int8_grid(0.259243071F, -17), int8_grid(0.311091691F, 41)},
        {"halves", "a scale of 1/2 from others that float32 rounds", int8_grid(0.0699615851F, -67),
         int8_grid(0.13992317F, 16), 0.125F},
        {"tenths", "a scale of 1/2 behind a slope of 0.1", int8_grid(0.5F, 0), int8_grid(0.1F, 2)},
        {"eighths", "scales of 1/4 and, behind a slope of 1/8, 1/32", int8_grid(0.0699615851F, -67),
         int8_grid(4 * 0.0699615851F, 3), 0.125F},
    };
    std::vector<Vector> vectors;
    for (const Case& c : cases) {
        OneLayer layer;
        const Shape shape = {1, 1, 16, 16};
        ValueId y = layer.on_grid(layer.input("x", shape), c.x);
        if (kind == "leaky_relu") y = layer.node("LeakyRelu", "y", {y}, {{"alpha", c.slope}});
        if (kind == "relu") y = layer.node("Relu", "y", {y});
        if (kind == "hardswish") y = layer.node("HardSwish", "y", {y});
        layer.graph.outputs.push_back(layer.on_grid(y, c.y));
        vectors.push_back({fmt::format("{}-{}", kind, c.name),
                           kind,
                           std::string("all 256 integers; ") + c.about,
                           std::move(layer.graph),
                           {all_integers(c.x, shape, 1, 256)}});
    }
    return vectors;
}

struct Equality {
    std::vector<std::string_view> kinds, rules;  // empty: all kinds; every two of the rules are equal
    std::string_view proof;
};
const std::vector<Equality>& equalities() {
    constexpr std::string_view power_of_two =
        "powers of two are the only scales that pow2 rules take; m = 2^30 (2^14 of 16 bits) is exact then, and both "
        "round "
        "x / 2^k in the same way";
    constexpr std::string_view exact_float =
        "powers of two are the only scales that pow2 rules take, and float32 holds |x| < 2^24 times one of them "
        "exactly";
    constexpr std::string_view not_negative =
        "Relu leaves x >= its zero point alone: there half up is half away from zero and truncating is floor";
    static const std::vector<Equality> all = {
        {{},
         {"double", "tosa-double"},
         "k = sh - 31 > 0, h = floor((xm + 2^30) / 2^31). h >= 0: floor((h + 2^(k-1)) / 2^k) = floor((xm + 2^30 + "
         "2^(sh-1)) / "
         "2^sh). h < 0: floor((h + 2^(k-1) - 1) / 2^k) = floor((xm + 2^(sh-1) - 2^30) / 2^sh). k <= 0: one rounding in "
         "both"},
        {{}, {"pow2-half-up", "single"}, power_of_two},
        {{}, {"pow2-half-up", "m16"}, power_of_two},
        {{}, {"pow2-half-away", "ethos-symmetric"}, power_of_two},
        {{}, {"pow2-floor", "ethos-floor"}, power_of_two},
        {{}, {"pow2-rne", "single-even"}, power_of_two},
        {{"requantize", "relu", "leaky_relu", "mul"}, {"pow2-rne", "fp32"}, exact_float},
        {{"requantize", "relu", "leaky_relu"},
         {"pow2-half-up", "q8"},
         "powers of two are the only scales that pow2 rules take; 256 S is an integer down to S = 2^-8 and both round "
         "half "
         "up; below, |x| <= 255 gives 0 in both"},
        {{"requantize", "relu"}, {"dq-float", "float-table"}, "both are RNE(((x - zx) xs) / ys) + zy in float32"},
        {{"relu"}, {"double", "double-up", "tosa-double"}, not_negative},
        {{"relu"}, {"single", "ethos-symmetric"}, not_negative},
        {{"relu"}, {"ethos-truncate", "ethos-floor"}, not_negative},
        {{"relu"}, {"ethos-truncate", "pow2-floor"}, not_negative},
        {{"relu"}, {"pow2-half-up", "pow2-half-away", "single"}, not_negative},
        {{"relu"}, {"pow2-half-up", "ethos-symmetric"}, not_negative},
        {{"relu"}, {"pow2-half-away", "m16"}, not_negative},
        {{"relu"}, {"pow2-half-away", "q8"}, not_negative},
    };
    return all;
}

std::size_t layer_op(const Emulation& emulation, const std::string& kind) {
    for (std::size_t i = 0; i < emulation.program().ops.size(); ++i) {
        if (emulation.kind(i) == kind) return i;
    }
    return 0;
}

}  // namespace

const std::vector<std::string>& vector_kinds() {
    static const std::vector<std::string> kinds = {"conv", "add",        "mul",      "requantize",
                                                   "relu", "leaky_relu", "hardswish"};
    return kinds;
}

std::vector<Vector> make_vectors(const std::string& kind) {
    if (kind == "conv") return conv_vectors();
    if (kind == "add" || kind == "mul") return pair_vectors(kind);
    return unary_vectors(kind);
}

std::vector<Setting> settings(const std::string& kind) {
    std::vector<Setting> all;
    for (const npu::RuleKind& info : npu::rule_kinds()) {
        if (info.operation != kind) continue;
        for (std::string_view rule : info.rules) {
            if (rule == "fixed16" || rule == "mlas-float") continue;  // octet's own; float32 sums, not of one value
            all.push_back({std::string(rule), [=](npu::Profile& p) { p.rules[kind] = std::string(rule); }});
        }
    }
    if (kind != "conv") return all;
    for (int bits : {16, 18, 20, 24}) {
        for (const auto overflow : {npu::Overflow::wrap, npu::Overflow::saturate}) {
            all.push_back(
                {fmt::format("accumulator-{}-{}", overflow == npu::Overflow::wrap ? "wraps" : "saturates", bits),
                 [=](npu::Profile& p) {
                     p.accumulator.bits = bits;
                     p.accumulator.overflow = overflow;
                 }});
        }
    }
    return all;
}

Result<std::shared_ptr<const Emulation>> emulation_of(const Vector& vector) {
    OCTET_ASSIGN(npu::Profile profile, npu::load_profile("tflite-double"));
    profile.equal_scales.clear();
    return Emulation::create(vector.graph, profile, 1);
}

std::optional<Tensor> result_of(const Vector& vector, const Emulation& emulation, const Setting& setting) {
    const std::size_t op = layer_op(emulation, vector.kind);
    Variant variant = emulation.as_it_is(op);
    setting.apply(variant.profile);
    Tensors known;
    const auto xs = engine::operands(variant.op);
    if (xs.size() != vector.inputs.size()) return std::nullopt;
    for (std::size_t i = 0; i < xs.size(); ++i)
        known[{.value = xs[i]->id, .tensor = no_value}] = quant::quantize(vector.inputs[i], xs[i]->grid);
    auto result = emulation.run_variant(variant, known);
    if (!result) return std::nullopt;
    return std::move(*result);
}

Result<Matrix> make_matrix(const std::string& kind, const std::vector<Setting>& rules) {
    Matrix matrix;
    for (std::size_t i = 0; i < rules.size(); ++i) {
        for (std::size_t j = i + 1; j < rules.size(); ++j)
            matrix.pairs.push_back({kind, rules[i].id, rules[j].id, {}, 0, 0, 0, {}});
    }
    for (const Vector& vector : make_vectors(kind)) {
        OCTET_ASSIGN(const auto emulation, emulation_of(vector));
        std::vector<std::optional<Tensor>> results;
        for (const Setting& rule : rules) {
            results.push_back(result_of(vector, *emulation, rule));
            if (!results.back()) matrix.notes.push_back(fmt::format("{} cannot compute {}", rule.id, vector.name));
        }
        std::size_t pair = 0;
        for (std::size_t i = 0; i < rules.size(); ++i) {
            for (std::size_t j = i + 1; j < rules.size(); ++j, ++pair) {
                if (!results[i] || !results[j]) continue;
                Pair& one = matrix.pairs[pair];
                const std::int64_t differing = count_differing(*results[i], *results[j], results[i]->size());
                one.tried += results[i]->size();
                if (differing <= one.differing) continue;
                one.vector = vector.name;
                one.differing = differing;
                one.of = results[i]->size();
            }
        }
    }
    for (Pair& pair : matrix.pairs) {
        for (const Equality& equality : equalities()) {
            const auto among = [](const std::vector<std::string_view>& list, std::string_view one) {
                return std::find(list.begin(), list.end(), one) != list.end();
            };
            if (among(equality.rules, pair.a) && among(equality.rules, pair.b) &&
                (equality.kinds.empty() || among(equality.kinds, kind)))
                pair.proof = equality.proof;
        }
    }
    return matrix;
}

std::vector<std::string> deciding_vectors(const std::string& kind, const std::vector<std::string>& rules) {
    const auto& kinds = vector_kinds();
    const std::string listed = kind == "depthwise_conv" || kind == "fully_connected" ? "conv" : kind;
    if (std::find(kinds.begin(), kinds.end(), listed) == kinds.end()) return {};
    std::vector<Setting> chosen;
    for (const Setting& setting : settings(listed)) {
        if (std::find(rules.begin(), rules.end(), setting.id) != rules.end()) chosen.push_back(setting);
    }
    // Pairs of rules by the vectors that separate them.
    using Pairs = std::set<std::pair<std::size_t, std::size_t>>;
    std::map<std::string, Pairs> separated;
    Pairs open;
    for (const Vector& vector : make_vectors(listed)) {
        const auto emulation = emulation_of(vector);
        if (!emulation) continue;
        std::vector<std::optional<Tensor>> results;
        for (const Setting& rule : chosen) results.push_back(result_of(vector, **emulation, rule));
        for (std::size_t i = 0; i < results.size(); ++i) {
            for (std::size_t j = i + 1; j < results.size(); ++j) {
                if (results[i] && results[j] && count_differing(*results[i], *results[j], 1) > 0)
                    open.insert({i, j}), separated[vector.name].insert({i, j});
            }
        }
    }
    std::vector<std::string> names;
    while (!open.empty()) {
        const auto count = [&](const Pairs& pairs) {
            return std::count_if(pairs.begin(), pairs.end(), [&](const auto& pair) { return open.contains(pair); });
        };
        const auto best = std::max_element(separated.begin(), separated.end(), [&](const auto& a, const auto& b) {
            return count(a.second) < count(b.second);
        });
        names.push_back(best->first);
        for (const auto& pair : best->second) open.erase(pair);
    }
    return names;
}

std::optional<std::string> deciding_vector(const std::string& kind, const std::vector<Cause>& causes) {
    constexpr std::string_view prefix = "rule-";
    std::vector<std::string> rules;
    for (const Cause& cause : causes) {
        if (cause.where.empty() && cause.id.starts_with(prefix)) rules.push_back(cause.id.substr(prefix.size()));
    }
    const auto vectors = deciding_vectors(kind, rules);
    return vectors.empty() ? std::nullopt : std::optional(vectors.front());
}

}  // namespace octet::compare
