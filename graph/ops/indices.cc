#include "graph/ops/indices.h"

#include "graph/ops/loops.h"

namespace octet::ops {

Result<std::int64_t> position_in(std::int64_t index, std::int64_t extent) {
    if (index < -extent || index >= extent) {
        return fail(ErrorCode::out_of_range, "index {} is outside of a dimension of {}", index, extent);
    }
    return index < 0 ? index + extent : index;
}

Result<std::vector<std::int64_t>> positions_in(const Tensor& indices, std::int64_t extent) {
    std::vector<std::int64_t> positions = indices.to_int64();
    for (std::int64_t& position : positions) {
        OCTET_ASSIGN(position, position_in(position, extent));
    }
    return positions;
}

Result<void> expect_fitting_indices(const Shape& data, const Shape& indices, std::int64_t axis) {
    bool fits = data.size() == indices.size();
    for (std::size_t d = 0; fits && d < data.size(); ++d) {
        fits = static_cast<std::int64_t>(d) == axis || indices[d] <= data[d];
    }
    if (fits) return {};
    return fail(ErrorCode::invalid_model, "indices {} do not fit data {} around axis {}", to_string(indices),
                to_string(data), axis);
}

Result<std::vector<std::int64_t>> element_offsets(const Shape& data, const Tensor& indices, std::int64_t axis) {
    const auto a = static_cast<std::size_t>(axis);
    OCTET_ASSIGN(std::vector<std::int64_t> offsets, positions_in(indices, data[a]));
    const std::vector<std::int64_t> strides = strides_of(data);
    std::vector<std::int64_t> index(data.size(), 0);
    for (std::int64_t& offset : offsets) {
        offset *= strides[a];
        for (std::size_t d = 0; d < index.size(); ++d) {
            if (d != a) offset += index[d] * strides[d];
        }
        next_index(index, indices.shape());
    }
    return offsets;
}

Result<std::vector<std::int64_t>> slice_offsets(const Shape& data, const Tensor& indices, std::size_t first) {
    const std::vector<std::int64_t> coordinates = indices.to_int64();
    const std::vector<std::int64_t> strides = strides_of(data);
    const auto depth = static_cast<std::size_t>(indices.shape().back());
    const std::int64_t tuples = product(indices.shape(), 0, indices.shape().size() - 1);
    std::vector<std::int64_t> offsets(static_cast<std::size_t>(tuples), 0);
    for (std::size_t i = 0; i < offsets.size(); ++i) {
        for (std::size_t d = 0; d < depth; ++d) {
            OCTET_ASSIGN(const std::int64_t position, position_in(coordinates[i * depth + d], data[first + d]));
            offsets[i] += position * strides[first + d];
        }
    }
    return offsets;
}

}  // namespace octet::ops
