#include "engine/cpu/moves.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "graph/ops/evaluator.h"

namespace octet::engine::cpu {
namespace {

constexpr std::string_view movers[] = {
    "DepthToSpace", "Expand", "Flatten",      "Focus", "Gather",  "GatherElements", "GatherND",  "Identity",  "Pad",
    "Reshape",      "Slice",  "SpaceToDepth", "Split", "Squeeze", "Tile",           "Transpose", "Unsqueeze",
};

using kernels::move_outside;

// Where each element of y comes from, by channel, row and column.
class Sources {
  public:
    Sources(const std::vector<std::int32_t>& elements, const PlaneShape& x, const PlaneShape& y,
            const kernels::PlaneLayout& layout, int element_bytes)
        : elements_(elements), x_(x), y_(y), layout_(layout), bytes_(element_bytes) {}

    bool inside(std::int64_t c, std::int64_t y, std::int64_t x) const { return element(c, y, x) >= 0; }
    // In bytes from the plane's first element.
    std::int32_t offset(std::int64_t c, std::int64_t y, std::int64_t x) const {
        const std::int64_t from = element(c, y, x), row = from / x_.w;
        return static_cast<std::int32_t>(
            bytes_ * (from / (x_.h * x_.w) + row % x_.h * layout_.row_stride + from % x_.w * layout_.pixel_stride));
    }

    // offset(c, y, x) = row[y] + column[x] + channel[c] wherever there is a source; false: it is no such sum.
    bool split(MoveTables& tables) const {
        const auto found = std::find_if(elements_.begin(), elements_.end(), [](std::int32_t e) { return e >= 0; });
        if (found == elements_.end()) {
            tables.row.assign(static_cast<std::size_t>(y_.h), move_outside);
            tables.column.assign(static_cast<std::size_t>(y_.w), move_outside);
            tables.channel.assign(static_cast<std::size_t>(y_.c), move_outside);
            return true;
        }
        const std::int64_t at = found - elements_.begin();
        const std::int64_t c0 = at / (y_.h * y_.w), y0 = at / y_.w % y_.h, x0 = at % y_.w;
        const std::int32_t base = offset(c0, y0, x0);
        const auto entry = [&](std::int64_t c, std::int64_t y, std::int64_t x, std::int32_t less) {
            return inside(c, y, x) ? offset(c, y, x) - less : move_outside;
        };
        for (std::int64_t y = 0; y < y_.h; ++y) tables.row.push_back(entry(c0, y, x0, 0));
        for (std::int64_t x = 0; x < y_.w; ++x) tables.column.push_back(entry(c0, y0, x, base));
        for (std::int64_t c = 0; c < y_.c; ++c) tables.channel.push_back(entry(c, y0, x0, base));
        for (std::int64_t c = 0; c < y_.c; ++c) {
            for (std::int64_t y = 0; y < y_.h; ++y) {
                for (std::int64_t x = 0; x < y_.w; ++x) {
                    if (!is_sum(tables, c, y, x)) return false;
                }
            }
        }
        return true;
    }

  private:
    std::int32_t element(std::int64_t c, std::int64_t y, std::int64_t x) const {
        return elements_[static_cast<std::size_t>((c * y_.h + y) * y_.w + x)];
    }
    bool is_sum(const MoveTables& tables, std::int64_t c, std::int64_t y, std::int64_t x) const {
        const std::int32_t row = tables.row[static_cast<std::size_t>(y)],
                           column = tables.column[static_cast<std::size_t>(x)],
                           channel = tables.channel[static_cast<std::size_t>(c)];
        const bool outside = row == move_outside || column == move_outside || channel == move_outside;
        if (outside || !inside(c, y, x)) return outside != inside(c, y, x);
        return std::int64_t{row} + column + channel == offset(c, y, x);
    }

    const std::vector<std::int32_t>& elements_;
    const PlaneShape &x_, &y_;
    const kernels::PlaneLayout& layout_;
    int bytes_;
};

}  // namespace

bool moves_by_place(std::string_view op) {
    return std::find(std::begin(movers), std::end(movers), op) != std::end(movers);
}

Result<std::vector<std::int32_t>> moved_elements(const MoveOp& move, const QuantValue& x, const QuantValue& y) {
    OCTET_ASSIGN(Tensor numbers, Tensor::create(DType::int32, x.shape));
    const auto all = numbers.mutable_data<std::int32_t>();
    std::iota(all.begin(), all.end(), 0);
    Node node = move.node;
    auto parameters = move.parameters;
    if (node.op == "Pad") {
        parameters.resize(std::max<std::size_t>(parameters.size(), 2));
        parameters[1] = Tensor::scalar<std::int32_t>(-1);
        node.inputs.resize(std::max<std::size_t>(node.inputs.size(), 3), no_value);
        node.inputs[2] = node.inputs[0];
    }
    std::vector<const Tensor*> arguments = {&numbers};
    for (const auto& parameter : parameters) arguments.push_back(parameter ? &*parameter : nullptr);
    OCTET_ASSIGN(const auto results, evaluate_node(node, arguments));
    const auto moved = results[move.output].data<std::int32_t>();
    if (x.images != y.images) return fail(ErrorCode::unsupported, "{}", mixes_images);
    const auto from = static_cast<std::int32_t>(x.shape.empty() ? 1 : numbers.size() / x.images);
    const std::size_t to = moved.size() / static_cast<std::size_t>(y.images);
    std::vector<std::int32_t> first(moved.begin(), moved.begin() + static_cast<std::ptrdiff_t>(to));
    for (std::size_t i = 0; i < moved.size(); ++i) {
        const std::int32_t source = first[i % to], shift = static_cast<std::int32_t>(i / to) * from;
        const bool same = source < 0 ? moved[i] < 0 : source < from && moved[i] == source + shift;
        if (!same) return fail(ErrorCode::unsupported, "{}", mixes_images);
    }
    return first;
}

std::optional<int> channel_slice(const std::vector<std::int32_t>& elements, const PlaneShape& x, const PlaneShape& y) {
    if (x.h != y.h || x.w != y.w || elements[0] < 0 || elements[0] % (x.h * x.w) != 0) return std::nullopt;
    for (std::size_t i = 1; i < elements.size(); ++i) {
        if (elements[i] != elements[i - 1] + 1) return std::nullopt;
    }
    return static_cast<int>(elements[0] / (x.h * x.w));
}

std::uint8_t zero_byte(const Grid& grid) {
    return grid.dtype == DType::int16 ? std::uint8_t{0} : static_cast<std::uint8_t>(unsigned_zero_point(grid));
}

Result<MoveTables> move_tables(const std::vector<std::int32_t>& elements, const PlaneShape& x, const PlaneShape& y,
                               const kernels::PlaneLayout& layout, int element_bytes, std::uint8_t fill) {
    if (layout.elements * element_bytes > std::numeric_limits<std::int32_t>::max())
        return fail(ErrorCode::unsupported, "it reads more than 2 GB");
    const Sources sources(elements, x, y, layout, element_bytes);
    const auto add_bytes = [&](std::vector<std::int32_t>& to, std::int32_t first) {
        for (int i = 0; i < element_bytes; ++i) to.push_back(first == move_outside ? first : first + i);
    };
    MoveTables tables;
    if (sources.split(tables)) {
        std::vector<std::int32_t> channel;
        for (const std::int32_t first : tables.channel) add_bytes(channel, first);
        tables.channel = std::move(channel);
        tables.blocks = kernels::make_move_blocks(tables.channel, fill);
        return tables;
    }
    tables = {};
    for (std::int64_t row = 0; row < y.h; ++row) {
        for (std::int64_t column = 0; column < y.w; ++column) {
            for (std::int64_t c = 0; c < y.c; ++c) {
                add_bytes(tables.element,
                          sources.inside(c, row, column) ? sources.offset(c, row, column) : move_outside);
            }
        }
    }
    return tables;
}

}  // namespace octet::engine::cpu
