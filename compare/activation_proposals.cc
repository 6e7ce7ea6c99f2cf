#include <cmath>
#include <map>

#include "compare/proposals.h"
#include "graph/quant/grid.h"

namespace octet::compare {
namespace {

using engine::TableOp;
using kernels::Activation;
using Real = std::function<double(double)>;

TableOp* table_of(Variant& v) {
    return std::get_if<TableOp>(&v.op.form);
}

// The variant looks its result up: table[i] is what stands for the i-th smallest integer of x, of y's type.
void use_table(Variant& v, const std::array<int, 256>& table) {
    TableOp& op = *table_of(v);
    const Grid& y = v.grid(op.y);
    const auto range = v.profile.range(y.dtype);
    for (std::size_t i = 0; i < 256; ++i) {
        op.table[i] = static_cast<std::uint8_t>(std::clamp(table[i], range.min, range.max) - quant::grid_min(y.dtype));
    }
    // Two operators in a row are the kind that takes the table as it is.
    op.steps.assign(2, {"Table", 0, 0, 0, std::nullopt, 0, false});
    v.profile.rules["table"] = "float-table";
}

// The function that an operator computes; nothing where it is more than one of the known ones.
std::optional<Real> function_of(const TableOp& op) {
    if (op.steps.empty()) return [](double x) { return x; };
    if (op.steps.size() != 1) return std::nullopt;
    const engine::UnaryStep& step = op.steps[0];
    if (step.op == "Relu") return [](double x) { return std::max(x, 0.0); };
    if (step.op == "LeakyRelu") return [a = step.alpha](double x) { return x >= 0 ? x : a * x; };
    if (step.op == "Clip")
        return [lo = step.clip_lo, hi = step.clip_hi](double x) { return std::min(std::max(x, lo), hi); };
    if (step.op == "HardSwish") return [](double x) { return x * std::clamp(x + 3, 0.0, 6.0) / 6; };
    if (step.op == "HardSigmoid") return [](double x) { return std::clamp(x / 6 + 0.5, 0.0, 1.0); };
    if (step.op == "Sigmoid") return [](double x) { return 1 / (1 + std::exp(-x)); };
    if (step.op == "Tanh") return [](double x) { return std::tanh(x); };
    return std::nullopt;
}

double rounded(double x, std::string_view way) {
    if (way == "half-even") return std::nearbyint(x);
    if (way == "half-up") return std::floor(x + 0.5);
    if (way == "half-away") return std::round(x);
    if (way == "half-down") return std::ceil(x - 0.5);
    if (way == "towards-zero") return std::trunc(x);
    if (way == "downwards") return std::floor(x);
    return std::ceil(x);
}

std::array<int, 256> table_by(const Real& f, const Grid& x, const Grid& y, std::string_view way, bool in_float) {
    std::array<int, 256> table{};
    for (int i = 0; i < 256; ++i) {
        const int q = quant::grid_min(x.dtype) + i - x.zero_point;
        double steps = 0;
        if (in_float) {
            const float real = static_cast<float>(q) * x.scale;
            steps = static_cast<double>(static_cast<float>(f(real)) / y.scale);
        } else {
            steps = f(q * static_cast<double>(x.scale)) / y.scale;
        }
        table[static_cast<std::size_t>(i)] =
            static_cast<int>(std::clamp(rounded(steps, way), -65536.0, 65536.0)) + y.zero_point;
    }
    return table;
}

// What the operator gives for each of its 256 integers, as it is.
Result<std::array<int, 256>> computed_table(const Emulation& emulation, const Variant& base) {
    Variant v = base;
    TableOp& op = *table_of(v);
    const Shape shape = {1, 1, 1, 256};
    v.program.values[engine::index_of(op.x.id)].shape = shape;
    v.program.values[engine::index_of(op.y)].shape = shape;
    OCTET_ASSIGN(Tensor x, Tensor::create(op.x.grid.dtype, shape));
    for (int i = 0; i < 256; ++i) {
        const auto byte = static_cast<std::uint8_t>(quant::grid_min(op.x.grid.dtype) + i);
        x.mutable_raw()[i] = std::byte{byte};
    }
    OCTET_ASSIGN(const Tensor y, emulation.run_variant(v, {{{.value = op.x.id, .tensor = no_value}, x}}));
    const auto values = y.to_int64();
    std::array<int, 256> table{};
    for (std::size_t i = 0; i < 256; ++i) table[i] = static_cast<int>(values[i]);
    return table;
}

void propose_tables(Proposals& p, const TableOp& op) {
    const Grid &x = op.x.grid, &y = p.grid(op.y);
    if (x.dtype == DType::int16 || y.dtype == DType::int16) return;
    const auto with_table = [](const std::array<int, 256>& table) {
        return [table](Variant& v) {
            use_table(v, table);
            return true;
        };
    };
    const auto f = function_of(op);
    if (f) {
        for (std::string_view way :
             {"half-even", "half-up", "half-away", "half-down", "towards-zero", "downwards", "upwards"}) {
            for (const bool in_float : {true, false}) {
                const std::string id = fmt::format("{}-{}", in_float ? "float32" : "double", way);
                const std::string text =
                    fmt::format("in {}, rounded {}", in_float ? "float32" : "double",
                                way == "half-even" ? std::string("to nearest even") : std::string(way));
                p.add_with("table-{}", id, with_table(table_by(*f, x, y, way, in_float)), text);
            }
        }
    }
    // Of the table as it is.
    const auto changed = [&](const std::function<int(const std::array<int, 256>&, int)>& entry) {
        const Emulation* emulation = &p.emulation();
        return [=](Variant& v) {
            const auto now = computed_table(*emulation, v);
            if (!now) return false;
            std::array<int, 256> table{};
            for (int i = 0; i < 256; ++i) table[static_cast<std::size_t>(i)] = entry(*now, i);
            use_table(v, table);
            return true;
        };
    };
    const auto at = [](const std::array<int, 256>& table, int i) {
        return table[static_cast<std::size_t>(std::clamp(i, 0, 255))];
    };
    p.add("table-index-{}", changed([at](const auto& t, int i) { return at(t, i + 1); }), "too-high");
    p.add("table-index-{}", changed([at](const auto& t, int i) { return at(t, i - 1); }), "too-low");
    p.add("table-entries-{}", changed([at](const auto& t, int i) { return at(t, i) + 1; }), "high");
    p.add("table-entries-{}", changed([at](const auto& t, int i) { return at(t, i) - 1; }), "low");
    p.add("table-index-signed", changed([at](const auto& t, int i) { return at(t, i ^ 0x80); }));
    for (int segments : {8, 16, 32, 64, 128}) {
        const int step = 256 / segments;
        p.add("table-segments-{}", changed([=](const auto& t, int i) {
                  const int left = i / step * step, right = std::min(left + step, 255);
                  if (right == left) return at(t, left);
                  const double part = static_cast<double>(i - left) / (right - left);
                  return static_cast<int>(std::lrint(at(t, left) + part * (at(t, right) - at(t, left))));
              }),
              segments);
    }
    const std::pair<const char*, Real> functions[] = {
        {"identity", [](double v) { return v; }},
        {"relu", [](double v) { return std::max(v, 0.0); }},
        {"relu6", [](double v) { return std::clamp(v, 0.0, 6.0); }},
        {"hardswish", [](double v) { return v * std::clamp(v + 3, 0.0, 6.0) / 6; }},
        {"hardsigmoid", [](double v) { return std::clamp(v / 6 + 0.5, 0.0, 1.0); }},
        {"hardsigmoid-onnx", [](double v) { return std::clamp(0.2 * v + 0.5, 0.0, 1.0); }},
        {"silu", [](double v) { return v / (1 + std::exp(-v)); }},
        {"sigmoid", [](double v) { return 1 / (1 + std::exp(-v)); }},
        {"tanh", [](double v) { return std::tanh(v); }},
    };
    for (const auto& [name, other] : functions)
        p.add("function-{}", with_table(table_by(other, x, y, "half-even", true)), name);
}

struct Constant {
    const char* words;
    double value;
};

void propose_constants(Proposals& p, const TableOp& op) {
    if (op.steps.size() != 1) return;
    if (op.steps[0].op == "LeakyRelu") {
        const double alpha = op.steps[0].alpha;
        std::vector<std::pair<std::string, double>> constants;
        for (int bits : {8, 16, 15, 14, 12, 10, 3, 4, 5, 6, 7, 9, 11, 13}) {
            const double one = std::ldexp(1, bits);
            for (const double steps : {std::nearbyint(alpha * one), std::floor(alpha * one), std::ceil(alpha * one)})
                constants.emplace_back(fmt::format("{}/{}", steps, one), steps / one);
        }
        for (const double value : {0.0, 0.01, 0.1, 0.125, 0.2, 0.25, 0.3, 0.5, 1.0})
            constants.emplace_back(fmt::format("{}", value), value);
        std::map<double, bool> known{{alpha, true}};
        for (const auto& [text, value] : constants) {
            if (value >= 1 || !known.emplace(value, true).second) continue;
            p.add_with(
                "leaky-alpha-{}", text,
                [value = value](Variant& v) {
                    v.profile.leaky_alpha = value;
                    return true;
                },
                text, value, alpha);
        }
    }
    if (op.steps[0].op == "HardSwish") {
        for (const Constant& c : {Constant{"1/8", 0.125},
                                  {"5/32", 5.0 / 32},
                                  {"11/64", 11.0 / 64},
                                  {"21/128", 21.0 / 128},
                                  {"43/256", 43.0 / 256},
                                  {"85/512", 85.0 / 512},
                                  {"171/1024", 171.0 / 1024},
                                  {"341/2048", 341.0 / 2048},
                                  {"683/4096", 683.0 / 4096},
                                  {"2731/16384", 2731.0 / 16384},
                                  {"5461/32768", 5461.0 / 32768},
                                  {"10923/65536", 10923.0 / 65536},
                                  {"0.1666", 0.1666},
                                  {"0.1667", 0.1667},
                                  {"0.166", 0.166},
                                  {"0.167", 0.167},
                                  {"0.17", 0.17},
                                  {"0.16", 0.16}}) {
            p.add_with(
                "hardswish-sixth-{}", c.words,
                [value = c.value](Variant& v) {
                    v.profile.hardswish_sixth = value;
                    v.profile.rules["hardswish"] = "float-table";
                    return true;
                },
                c.words, c.value);
        }
    }
}

engine::ActivationSpec* activation_of(engine::Op& op) {
    if (auto* conv = std::get_if<engine::ConvOp>(&op.form)) return &conv->activation;
    if (auto* sum = std::get_if<engine::AddOp>(&op.form)) return &sum->activation;
    if (auto* mul = std::get_if<engine::MulOp>(&op.form)) return &mul->activation;
    return nullptr;
}

void propose_bounds(Proposals& p) {
    engine::Op copy = p.op();
    const auto* table = std::get_if<TableOp>(&copy.form);
    const bool bounded_table =
        table && table->steps.size() == 1 && (table->steps[0].op == "Relu" || table->steps[0].op == "Clip");
    if (bounded_table) {
        p.add("clamp-missing", [](Variant& v) {
            table_of(v)->steps.clear();
            v.profile.rules["requantize"] = rule_of(v.profile, "relu");
            return true;
        });
        if (table->steps[0].op == "Clip" && table->steps[0].clip_lo == 0) {
            p.add("clamp-upper-missing", [](Variant& v) {
                table_of(v)->steps[0].op = "Relu";
                v.profile.rules["relu"] = rule_of(v.profile, "clip");
                return true;
            });
        }
    } else if (table && table->steps.empty()) {
        for (const char* name : {"Relu", "Relu6"}) {
            p.add(
                "clamp-{}",
                [six = std::string_view(name) == "Relu6"](Variant& v) {
                    table_of(v)->steps = {{"Clip", 0, 0, six ? 6 : INFINITY, std::nullopt, 0, false}};
                    v.profile.rules["clip"] = rule_of(v.profile, "requantize");
                    return true;
                },
                name);
        }
    }
    if (const auto* activation = activation_of(copy)) {
        if (activation->kind == Activation::relu || activation->kind == Activation::clip) {
            p.add("clamp-missing", [](Variant& v) {
                *activation_of(v.op) = {};
                return true;
            });
        }
        if (activation->kind == Activation::clip && activation->clip_lo == 0) {
            p.add("clamp-upper-missing", [](Variant& v) {
                activation_of(v.op)->kind = Activation::relu;
                return true;
            });
        }
        if (activation->kind == Activation::none) {
            p.add(
                "clamp-{}",
                [](Variant& v) {
                    activation_of(v.op)->kind = Activation::relu;
                    return true;
                },
                "Relu");
        }
        if (activation->kind == Activation::none || activation->kind == Activation::relu) {
            p.add(
                "clamp-{}",
                [](Variant& v) {
                    engine::ActivationSpec& bounds = *activation_of(v.op);
                    bounds.kind = Activation::clip;
                    bounds.clip_lo = 0;
                    bounds.clip_hi = 6;
                    return true;
                },
                "Relu6");
        }
    }
    if (!p.result_grid()) return;
    p.add("clamp-symmetric", [](Variant& v) {
        v.profile.symmetric_activations = !v.profile.symmetric_activations;
        return true;
    });
    p.add("result-wraps", [](Variant& v) {
        v.profile.wraps_results = !v.profile.wraps_results;
        return true;
    });
}

}  // namespace

void propose_activation(Proposals& p) {
    propose_bounds(p);
    const auto* table = std::get_if<TableOp>(&p.op().form);
    if (!table) return;
    propose_tables(p, *table);
    propose_constants(p, *table);
}

}  // namespace octet::compare
