#include <map>
#include <set>

#include "compare/proposals.h"
#include "graph/quant/grid.h"

namespace octet::compare {
namespace {

// Grids of the network and a tensor for each, those nearest to the operator first.
std::vector<std::pair<Grid, std::string>> grids_around(const Proposals& p) {
    std::vector<std::pair<std::size_t, std::pair<Grid, std::string>>> all;
    const auto& ops = p.program().ops;
    for (std::size_t i = 0; i < ops.size(); ++i) {
        const engine::QuantId y = engine::written(ops[i]);
        if (y == engine::no_quant) continue;
        const std::size_t apart = i > p.index() ? i - p.index() : p.index() - i;
        all.push_back({apart, {p.grid(y), p.program().values[engine::index_of(y)].name}});
    }
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<std::pair<Grid, std::string>> grids;
    for (auto& [apart, grid] : all) {
        const bool known =
            std::any_of(grids.begin(), grids.end(), [&g = grid](const auto& k) { return k.first == g.first; });
        if (!known) grids.push_back(std::move(grid));
    }
    return grids;
}

// Zero points that are taken for `grid`'s: 0, that of int8 in uint8, one beside it, those around.
std::vector<int> other_zero_points(const Grid& grid, const std::vector<int>& around) {
    const int middle = grid.dtype == DType::uint8 ? 128 : 0;
    std::vector<int> values = {
        middle, 0, 128, -128, grid.zero_point - 1, grid.zero_point + 1, 2 * middle - grid.zero_point};
    values.insert(values.end(), around.begin(), around.end());
    std::set<int> known = {grid.zero_point};
    std::vector<int> result;
    for (int value : values) {
        if (value >= quant::grid_min(grid.dtype) && value <= quant::grid_max(grid.dtype) && known.insert(value).second)
            result.push_back(value);
    }
    return result;
}

// As int8 has it: what a dump of int8 calls 0 is 128 in a uint8 file.
int said(int zero_point, DType type) {
    return zero_point - (type == DType::uint8 ? 128 : 0);
}

}  // namespace

void propose_grids(Proposals& p) {
    const Grid* y = p.result_grid();
    const auto xs = engine::operands(p.op());
    const bool wide = (y && y->dtype == DType::int16) ||
                      std::any_of(xs.begin(), xs.end(), [](const auto* x) { return x->grid.dtype == DType::int16; });
    if (!y || wide || xs.empty()) return;
    const bool is_conv = std::holds_alternative<engine::ConvOp>(p.op().form);
    const bool pads = std::holds_alternative<engine::MoveOp>(p.op().form);
    if (pads) return;  // moves have no grids of their own
    std::vector<int> around;
    for (const engine::Operand* x : xs) around.push_back(x->grid.zero_point);
    around.push_back(y->zero_point);
    for (std::size_t i = 0; i < xs.size(); ++i) {
        const Grid grid = xs[i]->grid;
        for (int value : other_zero_points(grid, around)) {
            const auto change = [i, value](Variant& v) {
                engine::operands(v.op)[i]->grid.zero_point = value;
                return true;
            };
            const int stored = said(value, grid.dtype), was = said(grid.zero_point, grid.dtype);
            p.add_with_two("input-zero-point-{}-{}", i, stored, change, i, stored, was);
            if (!is_conv) continue;
            p.add_with_two(
                "input-zero-point-{}-{}-padded-right", i, stored,
                [=](Variant& v) {
                    if (!v.profile.padding_value) v.profile.padding_value = was;
                    return change(v);
                },
                i, stored, was);
        }
    }
    for (int value : other_zero_points(*y, around)) {
        const int stored = said(value, y->dtype), was = said(y->zero_point, y->dtype);
        p.add_with(
            "result-zero-point-{}", stored,
            [value](Variant& v) {
                v.grid(engine::written(v.op)).zero_point = value;
                return true;
            },
            stored, was);
    }
    for (const auto& [grid, name] : grids_around(p)) {
        for (std::size_t i = 0; i < xs.size(); ++i) {
            if (grid.scale != xs[i]->grid.scale) {
                p.add(
                    "input-scale-{}-of-{}",
                    [i, scale = grid.scale](Variant& v) {
                        engine::operands(v.op)[i]->grid.scale = scale;
                        return true;
                    },
                    i, name);
            }
            if (grid.dtype == xs[i]->grid.dtype && grid.zero_point != xs[i]->grid.zero_point) {
                p.add(
                    "input-grid-{}-of-{}",
                    [i, other = grid](Variant& v) {
                        engine::operands(v.op)[i]->grid = other;
                        return true;
                    },
                    i, name);
            }
        }
        if (grid.scale != y->scale) {
            p.add(
                "result-scale-of-{}",
                [scale = grid.scale](Variant& v) {
                    v.grid(engine::written(v.op)).scale = scale;
                    return true;
                },
                name);
        }
        if (grid.dtype == y->dtype && grid.zero_point != y->zero_point) {
            p.add(
                "result-grid-of-{}",
                [other = grid](Variant& v) {
                    v.grid(engine::written(v.op)) = other;
                    return true;
                },
                name);
        }
    }
}

}  // namespace octet::compare
