// Every rule against every value that list_rules() says it was compared with, and the rules against each other.

#include "engine/npu_emu/rules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "frontends/npz.h"
#include "graph/ops/evaluator.h"
#include "kernels/requantize.h"
#include "tests/engine/npu_emu/truth.h"

namespace octet::engine::npu_emu {
namespace {

using Values = std::vector<std::int64_t>;

// The arrays of an npz, each read once.
class Archive {
  public:
    explicit Archive(const std::filesystem::path& path) : reader_(NpzReader::open(path.string()).value()) {}

    bool has(const std::string& name) const { return reader_.find(name) != nullptr; }
    const Values& integers(const std::string& name) {
        auto [at, fresh] = integers_.try_emplace(name);
        if (fresh) at->second = reader_.load(name).value().to_int64();
        return at->second;
    }
    std::vector<float> floats(const std::string& name) { return reader_.load(name).value().to_float(); }
    std::vector<double> doubles(const std::string& name) {
        const Tensor tensor = reader_.load(name).value();
        return {tensor.data<double>().begin(), tensor.data<double>().end()};
    }
    std::vector<std::string> names() const {
        std::vector<std::string> names;
        for (const auto& entry : reader_.entries()) names.push_back(entry.name);
        return names;
    }

  private:
    NpzReader reader_;
    std::map<std::string, Values> integers_;
};

Archive& archive(const std::filesystem::path& path) {
    static std::map<std::filesystem::path, Archive> open;
    return open.try_emplace(path, path).first->second;
}

// What a rule's values are compared with: how many, and how many differ.
struct Count {
    int values = 0, differing = 0;
    void compare(std::int64_t computed, std::int64_t truth) {
        ++values;
        differing += computed != truth;
    }
};

Grid s8(float scale, std::int64_t zero_point) {
    return {DType::int8, scale, static_cast<std::int32_t>(zero_point)};
}

std::vector<std::filesystem::path> files(const Proof& proof) {
    const std::string pattern(proof.file);
    const auto folder = truth_folder(pattern);
    std::vector<std::filesystem::path> found;
    if (!folder) return found;
    for (const auto& entry :
         std::filesystem::directory_iterator(*folder / std::filesystem::path(pattern).parent_path())) {
        if (match(pattern, std::filesystem::relative(entry.path(), *folder).generic_string()))
            found.push_back(entry.path());
    }
    return found;
}

// Truth as int8 where ONNX Runtime has uint8 of the same values.
std::int64_t as_s8(std::int64_t value, const std::string& array) {
    return array.find("u8") != std::string::npos ? value - 128 : value;
}

void accumulators(RequantRule rule, Archive& inputs, Archive& outputs, const std::string& array, bool stored_u8,
                  Count& count) {
    const Values &acc = inputs.integers("acc"), &truth = outputs.integers(array);
    const auto ws = inputs.floats("w_scale");
    const float xs = inputs.floats("x_scale")[0], ys = inputs.floats("y_scale")[0];
    const bool wide = !inputs.has("y_zero_point");
    const int zero_point = wide ? 0 : static_cast<int>(inputs.integers("y_zero_point")[0]);
    const Range range = wide ? Range{-32768, 32767} : Range{};
    for (std::size_t i = 0; i < acc.size(); ++i) {
        const auto r = make_requantizer(rule, xs, ws[i], ys, zero_point, range).value();
        count.compare(requantize(acc[i], r), stored_u8 ? as_s8(truth[i], array) : truth[i]);
    }
}

Tensor float_results(const std::string& op, float scale, std::int64_t zero_point, float alpha) {
    Tensor x(DType::float32, {256});
    for (int i = 0; i < 256; ++i)
        x.mutable_data<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i - 128 - zero_point) * scale;
    Node node;
    node.op = op;
    node.inputs = {ValueId{0}};
    node.outputs = {ValueId{1}};
    if (op == "LeakyRelu") node.attributes.set("alpha", alpha);
    const std::vector<const Tensor*> arguments = {&x};
    return evaluate_node(node, arguments).value().front();
}

ByteTable float_table(const std::string& op, const Grid& x, const Grid& y) {
    const Tensor real = float_results(op, x.scale, x.zero_point, 0);
    ByteTable table{};
    for (std::size_t i = 0; i < 256; ++i)
        table[i] = kernels::quantize_linear(real.data<float>()[i], y.scale, y.zero_point, -128, 127);
    return table;
}

// The rule of a unary operator as a table of int8.
ByteTable unary_table(const RuleInfo& rule, const Grid& x, const Grid& y) {
    const Range range{};
    if (rule.operation == "hardswish") return hardswish_table(x, y, range);
    if (rule.operation == "sigmoid") return float_table("Sigmoid", x, y);
    if (rule.operation == "tanh") return float_table("Tanh", x, y);
    const RequantRule steps = requant_rule(rule.name).value();
    if (rule.operation == "leaky_relu") return leaky_table(steps, x, y, 0.1F, range).value();
    if (rule.operation == "relu") return requantize_table(steps, x, y, {std::max(-128, y.zero_point), 127}).value();
    return requantize_table(steps, x, y, range).value();
}

void unary(const RuleInfo& rule, Archive& inputs, Archive& outputs, const std::string& array, Count& count) {
    const auto xs = inputs.floats("x_scale"), ys = inputs.floats("y_scale");
    const Values xz = inputs.integers("x_zero_point"), yz = inputs.integers("y_zero_point");
    const bool single = array.find('*') != std::string::npos;  // one array a quantization
    for (std::size_t i = 0; i < xs.size(); ++i) {
        const ByteTable table = unary_table(rule, s8(xs[i], xz[i]), s8(ys[i], yz[i]));
        std::string name = array;
        if (single) name.replace(name.find('*'), 1, std::to_string(i));
        const Values& truth = outputs.integers(name);
        for (std::size_t j = 0; j < 256; ++j) count.compare(table[j], truth[single ? j : i * 256 + j]);
    }
}

void binary(const RuleInfo& rule, bool subtract, Archive& inputs, Archive& outputs, const std::string& array,
            Count& count) {
    const bool onnx = inputs.has("config");
    const bool u8 = onnx && array.find("s8") == std::string::npos;
    const auto config = onnx ? inputs.doubles("config") : std::vector<double>();
    const auto cases = onnx ? config.size() / 6 : inputs.floats("a_scale").size();
    const bool single = array.find('*') != std::string::npos;
    const bool minus = array.ends_with("_minus_ref");
    const Range range = u8 ? Range{0, 255} : Range{};
    for (std::size_t i = 0; i < cases; ++i) {
        const auto grid = [&](const char* letter, std::size_t at) {
            if (!onnx) {
                return s8(inputs.floats(fmt::format("{}_scale", letter))[i],
                          inputs.integers(fmt::format("{}_zero_point", letter))[i]);
            }
            const int zero_point = static_cast<int>(config[i * 6 + at + 1]);
            return Grid{u8 ? DType::uint8 : DType::int8, static_cast<float>(config[i * 6 + at]),
                        u8 ? zero_point : zero_point - 128};
        };
        const Grid a = grid("a", 0), b = grid("b", 2), y = grid("y", 4);
        std::function<std::int32_t(int, int)> compute;
        if (rule.operation == "add") {
            const Adder adder =
                make_adder(add_rule(rule.name).value(), RequantRule::double_round, a, b, y, range, subtract).value();
            compute = [adder](int p, int q) { return add(p, q, adder); };
        } else {
            const bool ort = rule.name == "ort-mul";
            const Multiplication mul =
                make_multiplication(ort ? MulRule::ort_mul : MulRule::requant,
                                    ort ? RequantRule::fp32 : requant_rule(rule.name).value(), a, b, y, range)
                    .value();
            compute = [mul](int p, int q) { return multiply(p, q, mul); };
        }
        std::string name = array;
        if (single) name.replace(name.find('*'), 1, std::to_string(i));
        const Values& truth = outputs.integers(name);
        const Values* base = minus ? &outputs.integers("litert_ref") : nullptr;
        const std::size_t first = single ? 0 : i * 65536;
        for (std::size_t j = 0; j < 65536; ++j) {
            const int p = static_cast<int>(j / 256) + range.min, q = static_cast<int>(j % 256) + range.min;
            count.compare(compute(p, q), truth[first + j] + (base ? (*base)[first + j] : 0));
        }
    }
}

void concat(Archive& file, Count& count) {
    const auto ys = file.floats("y_scale");
    const Values& truth = file.integers("litert_ref");
    for (std::size_t i = 0; i < ys.size(); ++i) {
        const Grid y{DType::uint8, ys[i], static_cast<std::int32_t>(file.integers("y_zero_point")[i])};
        std::array<ByteTable, 2> tables{};
        for (std::size_t k = 0; k < 2; ++k) {
            const std::string letter = k == 0 ? "a" : "b";
            tables[k] = concat_u8_table({DType::uint8, file.floats(letter + "_scale")[i],
                                         static_cast<std::int32_t>(file.integers(letter + "_zero_point")[i])},
                                        y);
        }
        for (std::size_t j = 0; j < 512; ++j) count.compare(tables[j % 2][j / 2], truth[i * 512 + j]);
    }
}

void pool(Archive& file, const std::string& array, Count& count) {
    const Values &x = file.integers("x"), &truth = file.integers(array);
    for (int i = 0; i < 32 * 32 * 8; ++i) {
        const int c = i % 8, px = i / 8 % 32, py = i / 256;
        std::int64_t sum = 0, number = 0;
        for (int dy = -1; dy <= 1; ++dy) {
            for (int dx = -1; dx <= 1; ++dx) {
                if (py + dy < 0 || py + dy > 31 || px + dx < 0 || px + dx > 31) continue;
                sum += x[static_cast<std::size_t>(((py + dy) * 32 + px + dx) * 8 + c)];
                ++number;
            }
        }
        count.compare(average(sum, number), truth[static_cast<std::size_t>(i)]);
    }
}

void vela_tables(const RuleInfo& rule, const Proof& proof, const std::filesystem::path& file, Count& count) {
    const std::string kind(proof.array);
    std::ifstream stream(file);
    for (const auto& entry : nlohmann::json::parse(stream)) {
        if (entry["kind"] != kind) continue;
        const Grid x = s8(entry["x_scale"], entry["x_zero_point"]), y = s8(entry["y_scale"], entry["y_zero_point"]);
        const ByteTable table = unary_table(rule, x, y);
        for (std::size_t j = 0; j < 256; ++j) count.compare(table[j], entry["table_from_minus128"][j].get<int>());
    }
}

// Of the probes on Arm the inputs are those of probes/.
std::string inputs_of(const std::string& array) {
    for (const auto& [part, file] : std::map<std::string, std::string>{{"tfl_add", "add_all_pairs"},
                                                                       {"tfl_mul", "mul_all_pairs"},
                                                                       {"tfl_requant", "requant_random"},
                                                                       {"tfl_leaky", "leaky_random"},
                                                                       {"QLinearAdd", "ort_qlinearadd_u8"},
                                                                       {"QLinearMul", "ort_qlinearmul_u8"}}) {
        if (array.find(part) != std::string::npos) return file;
    }
    return "";
}

void prove(const RuleInfo& rule, const Proof& proof, Count& count) {
    const std::string array(proof.array);
    for (const auto& file : files(proof)) {
        if (file.extension() == ".json") {
            vela_tables(rule, proof, file, count);
            continue;
        }
        Archive& outputs = archive(file);
        const auto probes = file.parent_path().parent_path() / "probes";
        const bool arm = file.parent_path().filename() == "probes_arm";
        const std::string other = arm ? inputs_of(array) : "";
        Archive& inputs = other.empty() ? outputs : archive(probes / (other + ".npz"));
        if (rule.operation == "add" || rule.operation == "mul") {
            binary(rule, file.filename() == "sub_all_pairs.npz", inputs, outputs, array, count);
        } else if (rule.operation == "concat") {
            concat(outputs, count);
        } else if (rule.operation == "average_pool") {
            pool(outputs, array, count);
        } else if (rule.operation != "conv" || rule.name == "q8") {
            unary(rule, inputs, outputs, array, count);
        } else if (!arm) {
            accumulators(requant_rule(rule.name).value(), inputs, outputs, array, false, count);
        } else {
            for (const char* tag : {"random", "near_ties", "pow2_ties", "left_shift", "int32_edges"}) {
                std::string name = array;
                name.replace(name.find('*'), 1, tag);
                accumulators(requant_rule(rule.name).value(), archive(probes / fmt::format("conv_requant_{}.npz", tag)),
                             outputs, name, true, count);
            }
        }
    }
}

class EveryRule : public testing::TestWithParam<std::string> {};

TEST_P(EveryRule, equals_what_is_said_to_prove_it) {
    const std::string folder = GetParam();
    if (!truth_folder(folder + "/")) GTEST_SKIP() << "needs ../shared/truth/" << folder;
    int proofs = 0;
    for (const RuleInfo& rule : list_rules()) {
        for (const Proof& proof : rule.proofs) {
            if (!std::string(proof.file).starts_with(folder + "/")) continue;
            Count count;
            prove(rule, proof, count);
            EXPECT_EQ(count.values, proof.values) << rule.operation << " " << rule.name << ": " << proof.array;
            EXPECT_EQ(count.differing, 0) << rule.operation << " " << rule.name << ": " << proof.array;
            ++proofs;
        }
    }
    EXPECT_GT(proofs, 0);
}

INSTANTIATE_TEST_SUITE_P(Truth, EveryRule, testing::Values("probes", "d_ethos_u", "probes_arm"),
                         [](const auto& folder) { return folder.param; });

// A rule equal to another on all that proves it would be proven by nothing.
TEST(Rules, the_probes_tell_rules_apart) {
    Archive& ties = archive(*truth_folder("probes/") / "probes/conv_requant_near_ties.npz");
    const auto differing = [&](RequantRule rule, const char* array) {
        Count count;
        accumulators(rule, ties, ties, array, false, count);
        return count.differing;
    };
    EXPECT_EQ(differing(RequantRule::single, "litert_ref"), 19914);
    EXPECT_EQ(differing(RequantRule::double_up, "litert_ref"), 19970);
    EXPECT_EQ(differing(RequantRule::fp32, "tosa_single"), 627);
    EXPECT_EQ(differing(RequantRule::dq_float, "ort_qdq_u8_on"), 402);
    EXPECT_EQ(differing(RequantRule::onnx_ref, "ort_qdq_u8_on"), 588);
    EXPECT_EQ(differing(RequantRule::m16, "tosa_single"), 12465);
}

TEST(Rules, names_and_proofs_are_each_listed_once) {
    std::set<std::pair<std::string_view, std::string_view>> seen;
    for (const RuleInfo& rule : list_rules()) {
        EXPECT_TRUE(seen.emplace(rule.operation, rule.name).second) << rule.operation << " " << rule.name;
        EXPECT_FALSE(rule.formula.empty() || rule.source.empty());
        if (rule.operation == "conv" && rule.name != "fixed16" && rule.name != "mlas-float")
            EXPECT_TRUE(requant_rule(rule.name)) << rule.name;
        if (rule.operation == "add") EXPECT_TRUE(add_rule(rule.name)) << rule.name;
    }
}

TEST(Multipliers, normal_form) {
    for (const double scale : {1.0, 0.5, 0.75, 1e-6, 0.999999999999, 3.7, 1234.5}) {
        const Multiplier q = quantize_multiplier(scale);
        EXPECT_GE(q.m, 1 << 30);
        EXPECT_NEAR(std::ldexp(q.m, q.e - 31) / scale, 1, std::ldexp(1, -31));
    }
    EXPECT_EQ(quantize_multiplier(0).m, 0);
    EXPECT_EQ(quantize_multiplier(std::ldexp(1, -40)).m, 0);
    // q * 2^31 rounds up to 2^31: halved, and the exponent grows.
    EXPECT_EQ(quantize_multiplier(1 - 1e-15).m, 1 << 30);
    EXPECT_EQ(quantize_multiplier(1 - 1e-15).e, 1);
    EXPECT_EQ(reduce_multiplier({0x7FFF0000, 0}, 16).m >> 16, 0x7FFF);
    EXPECT_EQ(reduce_multiplier({0x7FFEFFFF, 0}, 16).m >> 16, 0x7FFF);
    EXPECT_EQ(reduce_multiplier({1 << 30, 0}, 16).m, 1 << 30);
    EXPECT_EQ(reduce_multiplier({0x7FFFFFFF, 0}, 8).m >> 24, 0x7F);
}

Requantizer make(RequantRule rule, double scale, int zero_point = 0, MultiplierForm form = {}) {
    return make_requantizer(rule, static_cast<float>(scale), 1, 1, zero_point, {}, form).value();
}
std::int32_t run(RequantRule rule, std::int64_t acc, double scale, int zero_point = 0) {
    return requantize(acc, make(rule, scale, zero_point));
}

// acc * 2^-1 at acc = -3, -1, 1, 3: exact ties, where the rules part.
// gemmlowp's two steps with a multiplier below zero.
TEST(LeakyRelu, of_a_negative_slope_has_a_negative_multiplier) {
    const Grid x{DType::int8, 0.05F, 3}, y{DType::int8, 0.04F, -5};
    constexpr float alpha = -0.3F;
    const ByteTable table = leaky_table(RequantRule::double_round, x, y, alpha, {-128, 127}, MultiplierForm{}).value();
    int exponent = 0;
    const double scale = static_cast<double>(x.scale) * static_cast<double>(alpha) / static_cast<double>(y.scale);
    const auto m = static_cast<std::int64_t>(std::llround(std::ldexp(std::frexp(scale, &exponent), 31)));
    ASSERT_LE(exponent, 0);
    for (int q = -128; q < x.zero_point; ++q) {
        const std::int64_t product = (q - x.zero_point) * m;
        const std::int64_t nudge = std::int64_t{1} << 30;
        const std::int64_t high = (product + (product >= 0 ? nudge : 1 - nudge)) / (std::int64_t{1} << 31);
        const std::int64_t mask = (std::int64_t{1} << -exponent) - 1;
        const std::int64_t rounded = (high >> -exponent) + ((high & mask) > (mask >> 1) + (high < 0 ? 1 : 0) ? 1 : 0);
        EXPECT_EQ(table[static_cast<std::size_t>(q + 128)], std::clamp<std::int64_t>(rounded - 5, -128, 127)) << q;
    }
}

TEST(Rules, ties_at_a_power_of_two_scale) {
    struct Row {
        RequantRule rule;
        int minus3, minus1, plus1, plus3;
    };
    const Row rows[] = {
        {RequantRule::fp32, -2, 0, 0, 2},
        {RequantRule::dq_float, -2, 0, 0, 2},
        {RequantRule::onnx_ref, -2, 0, 0, 2},
        {RequantRule::single, -1, 0, 1, 2},
        {RequantRule::m16, -1, 0, 1, 2},
        {RequantRule::ethos_symmetric, -2, -1, 1, 2},
        {RequantRule::ethos_truncate, -1, 0, 0, 1},
        {RequantRule::ethos_floor, -2, -1, 0, 1},
        {RequantRule::pow2_floor, -2, -1, 0, 1},
        {RequantRule::pow2_half_up, -1, 0, 1, 2},
        {RequantRule::pow2_half_away, -2, -1, 1, 2},
        {RequantRule::pow2_rne, -2, 0, 0, 2},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(run(row.rule, -3, 0.5), row.minus3) << name_of(row.rule);
        EXPECT_EQ(run(row.rule, -1, 0.5), row.minus1) << name_of(row.rule);
        EXPECT_EQ(run(row.rule, 1, 0.5), row.plus1) << name_of(row.rule);
        EXPECT_EQ(run(row.rule, 3, 0.5), row.plus3) << name_of(row.rule);
    }
    // 2^-1 has exponent 0: the doubling high multiplication alone rounds, half up.
    EXPECT_EQ(run(RequantRule::double_round, -3, 0.5), -1);
    // 2^-2 divides by 2 behind it, half away from zero: -6 * 2^-2 = -1.5.
    EXPECT_EQ(run(RequantRule::double_round, -6, 0.25), -2);
    EXPECT_EQ(run(RequantRule::double_up, -6, 0.25), -1);
    EXPECT_EQ(run(RequantRule::single, -6, 0.25), -1);
    EXPECT_EQ(run(RequantRule::tosa_double, -6, 0.25), -2);
    // Two roundings: 5 * 2^-2 = 1.25, high = 3 (2.5 half up), 3 / 2 = 2; one gives 1.
    EXPECT_EQ(run(RequantRule::double_round, 5, 0.25), 2);
    EXPECT_EQ(run(RequantRule::single, 5, 0.25), 1);
    // RNE before or behind an odd zero point.
    EXPECT_EQ(run(RequantRule::fp32, 1, 0.5, 1), 1);
    EXPECT_EQ(run(RequantRule::onnx_ref, 1, 0.5, 1), 2);
}

TEST(Rules, left_shifts_and_edges) {
    constexpr std::int32_t largest = std::numeric_limits<std::int32_t>::max(),
                           smallest = std::numeric_limits<std::int32_t>::min();
    for (int i = 0; i < requant_rules; ++i) {
        const auto rule = static_cast<RequantRule>(i);
        if (rule == RequantRule::q8) continue;  // of 8-bit values
        const bool down =
            rule == RequantRule::ethos_truncate || rule == RequantRule::ethos_floor || rule == RequantRule::pow2_floor;
        EXPECT_EQ(run(rule, 3, 4.0), 12) << name_of(rule);
        EXPECT_EQ(run(rule, -3, 4.0, 5), -7) << name_of(rule);
        EXPECT_EQ(run(rule, largest, 4.0), 127) << name_of(rule);
        EXPECT_EQ(run(rule, smallest, 4.0), -128) << name_of(rule);
        EXPECT_EQ(run(rule, largest, std::ldexp(1, -28)), down ? 7 : 8) << name_of(rule);
        EXPECT_EQ(run(rule, smallest, std::ldexp(1, -28)), -8) << name_of(rule);
        EXPECT_EQ(run(rule, 0, 0.5, 7), 7) << name_of(rule);
        // What the multiplier becomes 0 for, and what no shift reaches.
        EXPECT_EQ(run(rule, 1000, std::ldexp(1, -31)), 0) << name_of(rule);
        EXPECT_FALSE(make_requantizer(rule, std::nanf(""), 1, 1, 0, {})) << name_of(rule);
        EXPECT_FALSE(make_requantizer(rule, 1, 1, 0, 0, {})) << name_of(rule);
    }
    EXPECT_FALSE(make_requantizer(RequantRule::pow2_rne, 0.3F, 1, 1, 0, {}));
    EXPECT_FALSE(make_requantizer(RequantRule::single, 0x1p40F, 1, 1, 0, {}));
}

// Many elements at once are each as one alone; a 16-bit multiplier in the single rule is m16.
TEST(Rules, spans_and_multiplier_widths) {
    std::mt19937_64 random(11);
    std::vector<std::int32_t> acc(1000), out(acc.size());
    for (int round = 0; round < 200; ++round) {
        const double scale = std::exp(std::uniform_real_distribution<double>(std::log(1e-5), std::log(0.01))(random));
        const auto bound = static_cast<std::int64_t>(130 / scale);
        for (auto& a : acc)
            a = static_cast<std::int32_t>(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(2 * bound)) -
                                          bound);
        const Requantizer narrow = make(RequantRule::single, scale, 3, {.bits = 16}),
                          m16 = make(RequantRule::m16, scale, 3);
        const Requantizer once = make(RequantRule::single, scale, 3);
        for (int i = 0; i < requant_rules; ++i) {
            const auto rule = static_cast<RequantRule>(i);
            if (rule >= RequantRule::pow2_floor && rule <= RequantRule::pow2_rne) continue;  // of powers of two alone
            if (rule == RequantRule::q8) continue;
            const Requantizer r = make(rule, scale, 3);
            requantize(acc, r, out);
            for (std::size_t j = 0; j < acc.size(); ++j) {
                ASSERT_EQ(out[j], requantize(acc[j], r)) << name_of(rule);
                ASSERT_LE(std::abs(out[j] - requantize(acc[j], once)), 1) << name_of(rule);
            }
        }
        for (std::int32_t a : acc) ASSERT_EQ(requantize(a, narrow), requantize(a, m16));
    }
}

TEST(Rules, double_and_tosas_are_equal_everywhere) {
    std::mt19937_64 random(3);
    for (int i = 0; i < 200'000; ++i) {
        const float scale =
            std::ldexp(1.0F + static_cast<float>(random() % 65536) / 65536, -static_cast<int>(random() % 30) - 1);
        const auto acc = static_cast<std::int32_t>(random());
        ASSERT_EQ(requantize(acc, make(RequantRule::double_round, scale)),
                  requantize(acc, make(RequantRule::tosa_double, scale)))
            << acc << " * " << scale;
    }
}

}  // namespace
}  // namespace octet::engine::npu_emu
