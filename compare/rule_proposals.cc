#include "compare/proposals.h"
#include "engine/npu_emu/rules.h"

namespace octet::compare {
namespace {

namespace npu = engine::npu_emu;

constexpr int multiplier_widths[] = {8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 22, 24, 25, 26, 28, 30, 31};
constexpr int accumulator_widths[] = {8, 10, 12, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 28, 30};
constexpr std::string_view roundings[] = {"double",          "double-up",      "single",      "single-even",
                                          "ethos-symmetric", "ethos-truncate", "ethos-floor", "double-truncating"};

// Kinds that follow another's rules are listed with it.
std::string listed_kind(const std::string& kind) {
    return kind == "depthwise_conv" || kind == "fully_connected" ? "conv" : kind == "sub" ? "add" : kind;
}

std::string formula_of(const std::string& kind, std::string_view rule) {
    for (const std::string& operation : {listed_kind(kind), std::string("conv")}) {
        for (const npu::RuleInfo& info : npu::list_rules()) {
            if (info.operation == operation && info.name == rule) return std::string(info.formula);
        }
    }
    return rule == "float-table" ? "RNE(f((x - zx)*xs) / ys) + zp in float32" : "as profiles name it";
}

bool moves(const std::string& kind) {
    return kind == "concat" || kind == "max_pool" || kind == "average_pool" || kind == "resize" || kind == "move";
}

bool brings_to_another_grid(const Proposals& p) {
    const Grid* y = p.result_grid();
    const auto xs = engine::operands(p.op());
    return y && std::any_of(xs.begin(), xs.end(), [&](const engine::Operand* x) { return x->grid != *y; });
}

void propose_accumulators(Proposals& p) {
    if (!std::holds_alternative<engine::ConvOp>(p.op().form)) return;
    if (!npu::requant_rule(p.emulation().rule(p.index()))) return;  // sums of float
    for (int bits : accumulator_widths) {
        if (bits == p.emulation().profile().accumulator.bits) continue;
        const auto with = [bits](npu::Overflow overflow, bool each, npu::AdditionOrder order, bool bias_first) {
            return [=](Variant& v) {
                v.profile.accumulator = {bits, overflow, each, order, bias_first};
                return true;
            };
        };
        using npu::AdditionOrder;
        using npu::Overflow;
        p.add("accumulator-wraps-{}", with(Overflow::wrap, false, AdditionOrder::kernel_channel, true), bits);
        p.add("accumulator-saturates-{}", with(Overflow::saturate, false, AdditionOrder::kernel_channel, true), bits);
        p.add("accumulator-saturates-{}-before-bias",
              with(Overflow::saturate, false, AdditionOrder::kernel_channel, false), bits);
        for (const auto order : {AdditionOrder::kernel_channel, AdditionOrder::channel_kernel}) {
            for (const bool bias_first : {true, false}) {
                const std::string words = fmt::format(
                    "{}-bias-{}", order == AdditionOrder::kernel_channel ? "kernel-channel" : "channel-kernel",
                    bias_first ? "first" : "last");
                p.add("accumulator-saturates-{}-each-addition-{}", with(Overflow::saturate, true, order, bias_first),
                      bits, words);
            }
        }
    }
}

}  // namespace

std::string rule_of(const npu::Profile& profile, const std::string& kind) {
    return std::string(profile.rule(kind).value_or(""));
}

bool multiplies_integers(const Emulation& emulation, std::size_t op) {
    const std::string kind = emulation.kind(op);
    const auto rule = npu::requant_rule(emulation.rule(op));
    return rule && *rule != npu::RequantRule::fp32 && *rule != npu::RequantRule::dq_float &&
           *rule != npu::RequantRule::onnx_ref && *rule != npu::RequantRule::q8 && !moves(kind);
}

void propose_rules(Proposals& p) {
    const std::string kind = p.kind();
    const npu::Profile& profile = p.emulation().profile();
    const std::string now = rule_of(profile, kind);
    const auto kinds_end = npu::rule_kinds().end();
    const auto kind_info = std::find_if(npu::rule_kinds().begin(), kinds_end,
                                        [&](const npu::RuleKind& info) { return info.operation == kind; });
    if (kind_info == kinds_end) return;
    const auto by_rule = [](std::string of, std::string_view rule) {
        return [of = std::move(of), rule](Variant& v) {
            v.profile.rules[of] = std::string(rule);
            if (of == "hardswish" && rule == "tfl-hs") v.profile.hardswish_sixth.reset();
            return true;
        };
    };
    for (std::string_view rule : kind_info->rules) {
        // "copy" of a Concat is its lack of rescaling.
        if (rule == now || rule == "copy" || rule == "half-up" || rule == "fixed16") continue;
        p.add_with("rule-{}", rule, by_rule(kind, rule), rule, formula_of(kind, rule));
    }
    if (moves(kind) && brings_to_another_grid(p)) {
        for (const npu::RuleKind& info : npu::rule_kinds()) {
            if (info.operation != "requantize") continue;
            for (std::string_view rule : info.rules) {
                if (rule == rule_of(profile, "requantize") || rule == "fixed16") continue;
                p.add_with("requantize-rule-{}", rule, by_rule("requantize", rule), rule,
                           formula_of("requantize", rule));
            }
        }
    }
    if (now == "tfl-20") {
        for (std::string_view rule : roundings) {
            if (rule != profile.rule("add_steps").value_or("double"))
                p.add("add-steps-{}", by_rule("add_steps", rule), rule);
        }
    }
    const bool scaled = npu::requant_rule(now).has_value() || now == "double-f32";
    if (scaled) {
        for (int bits : multiplier_widths) {
            p.add(
                "multiplier-{}",
                [bits](Variant& v) {
                    v.profile.multiplier.bits = bits;
                    return true;
                },
                bits);
            for (std::string_view rule : roundings) {
                if (rule == now || (bits == 16 && rule == "single")) continue;  // the latter is the rule m16
                p.add(
                    "multiplier-{}-{}",
                    [=](Variant& v) {
                        v.profile.multiplier.bits = bits;
                        v.profile.rules[kind] = std::string(rule);
                        return true;
                    },
                    bits, rule);
            }
        }
        const auto in_float = [](Variant& v) {
            v.profile.multiplier.from_float32 = !v.profile.multiplier.from_float32;
            return true;
        };
        p.add("multiplier-float32", in_float);
        for (std::string_view rule : roundings) {
            if (rule == now) continue;
            p.add(
                "multiplier-float32-{}",
                [=](Variant& v) {
                    v.profile.rules[kind] = std::string(rule);
                    return in_float(v);
                },
                rule);
        }
    }
    propose_accumulators(p);
}

}  // namespace octet::compare
