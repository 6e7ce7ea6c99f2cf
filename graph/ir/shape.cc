#include "graph/ir/shape.h"

#include <algorithm>

namespace octet {

Result<std::int64_t> element_count(const Shape& shape) {
    std::int64_t count = 1;
    bool empty = false;
    for (std::int64_t dimension : shape) {
        if (dimension < 0) return fail(ErrorCode::invalid_model, "shape {} has a negative dimension", to_string(shape));
        if (dimension == 0) {
            empty = true;
            continue;
        }
        if (dimension > max_elements || count > max_elements / dimension) {
            return fail(ErrorCode::out_of_range, "shape {} has more than {} elements", to_string(shape), max_elements);
        }
        count *= dimension;
    }
    return empty ? 0 : count;
}

std::string to_string(const Shape& shape) {
    return shape.empty() ? "scalar" : fmt::format("{}", fmt::join(shape, "x"));
}

std::vector<std::int64_t> strides_of(const Shape& shape) {
    std::vector<std::int64_t> strides(shape.size(), 1);
    for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
    return strides;
}

Result<Shape> broadcast(const Shape& a, const Shape& b) {
    Shape out(std::max(a.size(), b.size()), 1);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const std::int64_t da = i < a.size() ? a[a.size() - 1 - i] : 1;
        const std::int64_t db = i < b.size() ? b[b.size() - 1 - i] : 1;
        if (da != db && da != 1 && db != 1) {
            return fail(ErrorCode::invalid_model, "shapes {} and {} do not broadcast", to_string(a), to_string(b));
        }
        out[out.size() - 1 - i] = da == 1 ? db : da;
    }
    return out;
}

Result<std::int64_t> normalize_axis(std::int64_t axis, std::int64_t rank) {
    if (axis < -rank || axis >= rank) {
        return fail(ErrorCode::invalid_model, "axis {} is outside of a tensor of rank {}", axis, rank);
    }
    return axis < 0 ? axis + rank : axis;
}

}  // namespace octet
