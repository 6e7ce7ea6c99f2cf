#pragma once

// Operators that put values elsewhere and compute nothing, as what kernels/move.h takes.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/cpu/plane_shape.h"
#include "engine/program.h"
#include "kernels/move.h"
#include "kernels/tensor_view.h"

namespace octet::engine::cpu {

inline constexpr const char* mixes_images = "it mixes the images of a batch";

// Whether where the operator puts a value depends on its place alone.
bool moves_by_place(std::string_view op);

// For each element of an image of y, in its order, that of x's image which it is; padding: -1. An error where images of
// a batch are mixed.
Result<std::vector<std::int32_t>> moved_elements(const MoveOp& move, const QuantValue& x, const QuantValue& y);

// When y is some of x's channels one behind the other: the first of them.
std::optional<int> channel_slice(const std::vector<std::int32_t>& elements, const PlaneShape& x, const PlaneShape& y);

// Each byte of what stands for 0.
std::uint8_t zero_byte(const Grid& grid);

// The tables of a MoveCall, in bytes.
struct MoveTables {
    std::vector<std::int32_t> row, column, channel;
    std::vector<std::int32_t> element;  // not empty where the others are
    kernels::MoveBlocks blocks;
};
// `layout`: of the plane that x lies in; fill: what padding is, in every byte.
Result<MoveTables> move_tables(const std::vector<std::int32_t>& elements, const PlaneShape& x, const PlaneShape& y,
                               const kernels::PlaneLayout& layout, int element_bytes, std::uint8_t fill);

}  // namespace octet::engine::cpu
