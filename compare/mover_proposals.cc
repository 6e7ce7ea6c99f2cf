#include <cmath>

#include "compare/proposals.h"
#include "graph/quant/grid.h"

namespace octet::compare {
namespace {

using engine::Operand;

// ---- Add, Mul, Concat: rescaling

void propose_rescaling(Proposals& p) {
    const Grid* y = p.result_grid();
    const auto* table = std::get_if<engine::TableOp>(&p.op().form);
    if (table && table->steps.empty()) {
        p.add("no-rescale", [](Variant& v) {
            auto& op = std::get<engine::TableOp>(v.op.form);
            op.x.grid = v.grid(op.y);
            return true;
        });
        p.add("no-rescale-but-zero-point", [](Variant& v) {
            auto& op = std::get<engine::TableOp>(v.op.form);
            op.x.grid.scale = v.grid(op.y).scale;
            return true;
        });
    }
    if (const auto* concat = std::get_if<engine::ConcatOp>(&p.op().form)) {
        const auto all = [](bool zero_points) {
            return [=](Variant& v) {
                bool changed = false;
                auto& op = std::get<engine::ConcatOp>(v.op.form);
                for (Operand& x : op.x) {
                    Grid grid = v.grid(op.y);
                    if (zero_points) grid.zero_point = x.grid.zero_point;
                    changed = changed || grid != x.grid;
                    x.grid = grid;
                }
                return changed;
            };
        };
        p.add("no-rescale", all(false));
        p.add("no-rescale-but-zero-point", all(true));
        for (std::size_t i = 0; i < concat->x.size(); ++i) {
            p.add(
                "no-rescale-input-{}",
                [i](Variant& v) {
                    auto& op = std::get<engine::ConcatOp>(v.op.form);
                    return std::exchange(op.x[i].grid, v.grid(op.y)) != v.grid(op.y);
                },
                i);
            p.add(
                "no-rescale-input-{}-but-zero-point",
                [i](Variant& v) {
                    auto& op = std::get<engine::ConcatOp>(v.op.form);
                    return std::exchange(op.x[i].grid.scale, v.grid(op.y).scale) != v.grid(op.y).scale;
                },
                i);
            for (std::size_t j = 0; j < i; ++j) {
                const auto& values = p.program().values;
                if (values[engine::index_of(concat->x[i].id)].shape != values[engine::index_of(concat->x[j].id)].shape)
                    continue;
                p.add(
                    "inputs-swapped-{}-{}",
                    [i, j](Variant& v) {
                        auto& op = std::get<engine::ConcatOp>(v.op.form);
                        std::swap(op.x[i], op.x[j]);
                        return true;
                    },
                    j, i);
            }
        }
    }
    const bool two =
        y && (std::holds_alternative<engine::AddOp>(p.op().form) || std::holds_alternative<engine::MulOp>(p.op().form));
    if (!two) return;
    const auto scaled = [&](std::string_view id, bool first, bool second, const auto&... arguments) {
        p.add(
            id,
            [=](Variant& v) {
                const auto xs = engine::operands(v.op);
                const float scale = v.grid(engine::written(v.op)).scale;
                bool changed = false;
                for (std::size_t i = 0; i < 2; ++i) {
                    if (i == 0 ? first : second) changed = std::exchange(xs[i]->grid.scale, scale) != scale || changed;
                }
                return changed;
            },
            arguments...);
    };
    scaled("no-rescale-inputs", true, true);
    scaled("no-rescale-input-{}", true, false, 0);
    scaled("no-rescale-input-{}", false, true, 1);
    p.add("scales-swapped", [](Variant& v) {
        const auto xs = engine::operands(v.op);
        std::swap(xs[0]->grid.scale, xs[1]->grid.scale);
        return true;
    });
    p.add("zero-points-swapped", [](Variant& v) {
        const auto xs = engine::operands(v.op);
        std::swap(xs[0]->grid.zero_point, xs[1]->grid.zero_point);
        return true;
    });
    if (std::holds_alternative<engine::AddOp>(p.op().form)) {
        p.add("operands-subtracted", [](Variant& v) {
            auto& sum = std::get<engine::AddOp>(v.op.form);
            sum.subtract = !sum.subtract;
            v.profile.rules["sub"] = rule_of(v.profile, "sub");
            return true;
        });
    }
}

// ---- pools

void propose_pools(Proposals& p) {
    if (const auto* pool = std::get_if<engine::MaxPoolOp>(&p.op().form)) {
        const engine::Window w = pool->window;
        const Shape &from = p.program().values[engine::index_of(pool->x.id)].shape,
                    &to = p.program().values[engine::index_of(pool->y)].shape;
        p.add("pool-average", [](Variant& v) {
            const auto max = std::get<engine::MaxPoolOp>(v.op.form);
            v.op.form = engine::AveragePoolOp{.x = max.x, .y = max.y, .window = max.window};
            v.profile.rules["average_pool"] = "tfl";
            return true;
        });
        if (from.size() != 4) return;
        const int middle = pool->x.grid.dtype == DType::uint8 ? 128 : 0;
        for (int value : {0, 127}) {
            p.add(
                "padding-{}",
                [=](Variant& v) {
                    v.behind = [=](const engine::npu_emu::RunState&, Tensor& y) {
                        engine::npu_emu::with_integers(y.dtype(), [&]<typename T>() {
                            T* out = y.mutable_data<T>().data();
                            for (std::int64_t k = 0; k < y.size(); ++k) {
                                const std::int64_t row = k / to[3] % to[2] * w.stride_h - w.pad_top,
                                                   column = k % to[3] * w.stride_w - w.pad_left;
                                const bool outside = row < 0 || column < 0 ||
                                                     row + (w.kernel_h - 1) * w.dilation_h >= from[2] ||
                                                     column + (w.kernel_w - 1) * w.dilation_w >= from[3];
                                if (outside) out[k] = std::max(out[k], static_cast<T>(value + middle));
                            }
                        });
                    };
                    return true;
                },
                value);
        }
    }
    if (std::holds_alternative<engine::AveragePoolOp>(p.op().form)) {
        p.add("pool-counts-padding", [](Variant& v) {
            auto& pool = std::get<engine::AveragePoolOp>(v.op.form);
            pool.counts_padding = !pool.counts_padding;
            return true;
        });
    }
}

// ---- Resize

using Index = std::function<double(std::int64_t o, double in, double out)>;

void propose_resize(Proposals& p) {
    const auto* resize = std::get_if<engine::ResizeOp>(&p.op().form);
    if (!resize) return;
    const Shape& from = p.program().values[engine::index_of(resize->x.id)].shape;
    const std::pair<const char*, Index> ways[] = {
        {"floor", [](auto o, double in, double out) { return std::floor(static_cast<double>(o) * in / out); }},
        {"round-half-up",
         [](auto o, double in, double out) { return std::floor(static_cast<double>(o) * in / out + 0.5); }},
        {"round-half-down",
         [](auto o, double in, double out) { return std::ceil(static_cast<double>(o) * in / out - 0.5); }},
        {"round-half-even",
         [](auto o, double in, double out) { return std::nearbyint(static_cast<double>(o) * in / out); }},
        {"ceil", [](auto o, double in, double out) { return std::ceil(static_cast<double>(o) * in / out); }},
        {"half-pixel-floor",
         [](auto o, double in, double out) { return std::floor((static_cast<double>(o) + 0.5) * in / out - 0.5); }},
        {"half-pixel-round-half-up",
         [](auto o, double in, double out) { return std::floor((static_cast<double>(o) + 0.5) * in / out); }},
        {"half-pixel-round-half-down",
         [](auto o, double in, double out) { return std::ceil((static_cast<double>(o) + 0.5) * in / out - 1); }},
        {"half-pixel-ceil",
         [](auto o, double in, double out) { return std::ceil((static_cast<double>(o) + 0.5) * in / out - 0.5); }},
        {"align-corners-floor",
         [](auto o, double in, double out) {
             return out > 1 ? std::floor(static_cast<double>(o) * (in - 1) / (out - 1)) : 0.0;
         }},
        {"align-corners-round",
         [](auto o, double in, double out) {
             return out > 1 ? std::round(static_cast<double>(o) * (in - 1) / (out - 1)) : 0.0;
         }},
        {"align-corners-ceil",
         [](auto o, double in, double out) {
             return out > 1 ? std::ceil(static_cast<double>(o) * (in - 1) / (out - 1)) : 0.0;
         }},
        {"one-too-high",
         [](auto o, double in, double out) { return std::floor(static_cast<double>(o) * in / out) + 1; }},
        {"one-too-low",
         [](auto o, double in, double out) { return std::floor(static_cast<double>(o) * in / out) - 1; }},
        {"repeated-image", [](auto o, double in, double) { return std::fmod(static_cast<double>(o), in); }},
        {"mirrored",
         [](auto o, double in, double out) { return in - 1 - std::floor(static_cast<double>(o) * in / out); }},
    };
    for (const auto& way : ways) {
        const Index& index = way.second;
        const auto sources = [&](const std::vector<std::int32_t>& now, std::int64_t in) {
            std::vector<std::int32_t> made(now.size());
            for (std::size_t o = 0; o < made.size(); ++o) {
                const double at =
                    index(static_cast<std::int64_t>(o), static_cast<double>(in), static_cast<double>(now.size()));
                made[o] = static_cast<std::int32_t>(std::clamp(at, 0.0, static_cast<double>(in - 1)));
            }
            return made;
        };
        const auto rows = sources(resize->source_y, from[2]), columns = sources(resize->source_x, from[3]);
        for (const char* which : {"", "-rows", "-columns"}) {
            const bool with_rows = std::string_view(which) != "-columns",
                       with_columns = std::string_view(which) != "-rows";
            p.add(
                "resize-index-{}",
                [=](Variant& v) {
                    auto& op = std::get<engine::ResizeOp>(v.op.form);
                    const auto before = std::pair(op.source_y, op.source_x);
                    if (with_rows) op.source_y = rows;
                    if (with_columns) op.source_x = columns;
                    v.profile.rules["resize"] = "as-file";
                    return before != std::pair(op.source_y, op.source_x);
                },
                fmt::format("{}{}", way.first, which));
        }
    }
    // What a profile's own rule gives.
    p.add(
        "resize-index-{}",
        [](Variant& v) {
            const bool was = v.profile.rules["resize"] == "half-up";
            v.profile.rules["resize"] = was ? "as-file" : "half-up";
            return true;
        },
        "by-the-other-rule");
}

// ---- Pad

void propose_pad(Proposals& p) {
    const auto* move = std::get_if<engine::MoveOp>(&p.op().form);
    if (!move || move->node.op != "Pad") return;
    const Grid& grid = move->x.grid;
    const int middle = grid.dtype == DType::uint8 ? 128 : 0;
    for (int value : {0, -128, 127, grid.zero_point - middle + 1, grid.zero_point - middle - 1}) {
        if (value + middle == grid.zero_point || value < -128 || value > 127) continue;
        p.add(
            "padding-{}",
            [stored = value + middle](Variant& v) {
                auto& op = std::get<engine::MoveOp>(v.op.form);
                op.x.grid.zero_point = stored;
                v.grid(op.y) = op.x.grid;
                return true;
            },
            value);
    }
    if (move->parameters.empty() || !move->parameters[0] || move->parameters[0]->size() != 8) return;
    const std::vector<std::int64_t> pads = move->parameters[0]->to_int64();
    const auto sides = [&](std::vector<std::int64_t> other, std::string_view text) {
        if (other == pads || std::any_of(other.begin(), other.end(), [](auto n) { return n < 0; })) return;
        p.add(
            "padding-side-{}",
            [other](Variant& v) {
                auto& op = std::get<engine::MoveOp>(v.op.form);
                op.parameters[0] = Tensor::from<std::int64_t>({8}, other);
                return true;
            },
            text);
    };
    auto other = pads;
    for (std::size_t i = 0; i < 4; ++i) std::swap(other[i], other[i + 4]);
    sides(other, "exchanged");
    for (int by : {1, -1}) {
        other = pads;
        other[2] += by, other[3] += by, other[6] -= by, other[7] -= by;
        sides(other, by > 0 ? "more-in-front" : "more-behind");
    }
}

}  // namespace

void propose_movers(Proposals& p) {
    propose_rescaling(p);
    propose_pools(p);
    propose_resize(p);
    propose_pad(p);
}

}  // namespace octet::compare
