#include "engine/cpu/backend.h"

#include <algorithm>

#include "engine/cpu/arithmetic.h"
#include "engine/cpu/lowering.h"
#include "engine/cpu/moves.h"
#include "engine/cpu/plane_shape.h"
#include "kernels/avgpool.h"
#include "kernels/detect_decode.h"

namespace octet::engine::cpu {
namespace {

using Why = std::optional<std::string>;

bool wide(const Grid& grid) {
    return grid.dtype == DType::int16;
}

template <typename T>
Why error_of(const Result<T>& result) {
    return result ? std::nullopt : Why(result.error().message);
}

// What a plane's halo holds where the convolution reads beyond the image.
std::vector<int> padding_of(const Operand& x) {
    return x.channel_zero_points.empty() ? std::vector<int>{unsigned_zero_point(x.grid)} : x.channel_zero_points;
}

class Judge {
  public:
    explicit Judge(const Program& program) : program_(program) {}

    Why operator()(const ConvOp& conv) const {
        const Grid& y = grid(conv.y);
        // One row is an image of one pixel: all its elements are channels.
        const Shape x = image_shape(value(conv.x.id));
        if (conv.dense && (x.size() != 2 || x[0] != 1)) return "it multiplies several rows; one is taken";
        if (conv.residual && !conv.residual->channel_zero_points.empty()) return no_pixels;
        if (conv.residual && (wide(y) || wide(conv.residual->grid))) return "a shortcut is added to 8 bits only";
        // A plane has one halo.
        for (const Op& other : program_.ops) {
            const auto* reader = std::get_if<ConvOp>(&other.form);
            if (reader && reader->x.id == conv.x.id && padding_of(reader->x) != padding_of(conv.x)) {
                return fmt::format("it reads its input with another zero point than '{}' does", other.name);
            }
        }
        return error_of(conv_epilogue(conv, y));
    }
    Why operator()(const BatchNormOp& norm) const {
        if (shape(norm.y).size() != 4) return no_image;
        if (wide(norm.x.grid) || wide(grid(norm.y))) return no_wide;
        if (!norm.x.channel_zero_points.empty()) return no_pixels;
        return error_of(integer_batchnorm(norm, grid(norm.y)));
    }
    Why operator()(const AddOp& add) const {
        if (auto why = two_operands(add.a, add.b, add.y)) return why;
        if (add.subtract || add.activation.kind == kernels::Activation::clip) return no_form;
        return error_of(add_params(add, grid(add.y)));
    }
    Why operator()(const MulOp& mul) const {
        if (auto why = two_operands(mul.a, mul.b, mul.y)) return why;
        return error_of(mul_params(mul, grid(mul.y)));
    }
    Why operator()(const ConcatOp& concat) const {
        if (!plane_axis(image_shape(value(concat.y)), concat.axis))
            return "the channels of a plane would be interleaved";
        for (const Operand& x : concat.x) {
            if (concat.axis == 0 && value(concat.y).images > 1) return mixes_images;
            if (value(x.id).images != value(concat.y).images) return mixes_images;
            if (auto why = error_of(copy_params(x.grid, grid(concat.y)))) return why;
        }
        return std::nullopt;
    }
    Why operator()(const MaxPoolOp& pool) const {
        if (!pool.x.same_grid(grid(pool.y))) return other_grid;
        return wide(pool.x.grid) ? Why(no_wide) : std::nullopt;
    }
    Why operator()(const AveragePoolOp& pool) const {
        if (wide(pool.x.grid) || wide(grid(pool.y))) return no_wide;
        if (pool.window.dilation_h != 1 || pool.window.dilation_w != 1) return "its window is dilated";
        if (std::int64_t{pool.window.kernel_h} * pool.window.kernel_w > kernels::max_avgpool_pixels)
            return fmt::format("its window has more than {} pixels", kernels::max_avgpool_pixels);
        return error_of(avgpool_params(pool, grid(pool.y)));
    }
    Why operator()(const ResizeOp& resize) const {
        return resize.x.same_grid(grid(resize.y)) ? std::nullopt : Why(other_grid);
    }
    Why operator()(const ResizeLinearOp& resize) const {
        if (!resize.x.same_grid(grid(resize.y))) return other_grid;
        return wide(resize.x.grid) ? Why(no_wide) : std::nullopt;
    }
    Why operator()(const MoveOp& move) const {
        if (!moves_by_place(move.node.op)) return no_form;
        if (!move.x.same_grid(grid(move.y))) return other_grid;
        // Each of them is looked at when the network is compiled.
        constexpr std::int64_t most = std::int64_t{1} << 26;
        const QuantValue &x = value(move.x.id), &y = value(move.y);
        if (*element_count(x.shape) > most || *element_count(y.shape) > most) return "it has more than 2^26 elements";
        return x.images == 1 && y.images == 1 ? std::nullopt : error_of(moved_elements(move, x, y));
    }
    Why operator()(const InputOp&) const { return no_form; }
    Why operator()(const OutputOp&) const { return no_form; }
    Why operator()(const SigmoidOp& sigmoid) const {
        return shape(sigmoid.x.id).size() == 4 ? fixed_point_logits(sigmoid.x.grid) : Why(no_image);
    }
    Why operator()(const DetectOp& detect) const {
        for (const Operand& level : detect.levels) {
            if (auto why = fixed_point_logits(level.grid)) return why;
        }
        for (const auto& anchors : detect.anchors) {
            const bool fit = std::all_of(anchors.begin(), anchors.end(), [](double a) { return a > 0 && a < 1024; });
            if (!fit || anchors.size() / 2 > kernels::max_detect_anchors) {
                return fmt::format("box decode takes {} anchors of up to 1024 pixels", kernels::max_detect_anchors);
            }
        }
        return std::nullopt;
    }
    template <typename Form>
    Why operator()(const Form&) const {
        return std::nullopt;
    }

  private:
    static constexpr const char* no_form = "it has no integer form";
    static constexpr const char* other_grid = "its input and its output are on different grids";
    static constexpr const char* no_wide = "it has no kernel for 16 bits";
    static constexpr const char* no_image = "it has other dimensions than an image";
    static constexpr const char* no_pixels = "pixels with a zero point for each channel feed only convolutions";

    Why two_operands(const Operand& a, const Operand& b, QuantId y) const {
        if (wide(a.grid) || wide(b.grid) || wide(grid(y))) return no_wide;
        if (!a.channel_zero_points.empty() || !b.channel_zero_points.empty()) return no_pixels;
        for (const Operand& x : {a, b}) {
            // One that is repeated for each image has one.
            if (value(x.id).images > 1 && value(x.id).shape.size() != shape(y).size()) return mixes_images;
            if (!broadcasts_in_planes(image_shape(value(x.id)), image_shape(value(y))))
                return "a plane cannot repeat its smaller input";
        }
        return std::nullopt;
    }

    // kernels/sigmoid.h
    static Why fixed_point_logits(const Grid& grid) {
        const int f = fraction_bits(grid);
        if (f >= 0 && f <= 12) return std::nullopt;
        return fmt::format("the fixed-point sigmoid takes scales from 2^-12 to 1, not {:.3g}", grid.scale);
    }

    const QuantValue& value(QuantId id) const { return program_.values[index_of(id)]; }
    const Shape& shape(QuantId id) const { return value(id).shape; }
    const Grid& grid(QuantId id) const { return program_.values[index_of(id)].grid; }

    const Program& program_;
};

}  // namespace

Why CpuBackend::why_not(const QuantValue& value) const {
    const auto elements = element_count(value.shape);
    if (!elements || *elements == 0) return "it is empty, or too large";
    if (value.shape.size() == 4 && value.shape[0] != value.images)
        return fmt::format("its first dimension is {}, which is not the batch of the network's input", value.shape[0]);
    switch (value.grid.dtype) {
        case DType::uint8:
        case DType::int8:
            return std::nullopt;
        case DType::int16:
            if (value.grid.zero_point == 0 && kernels::is_power_of_two(static_cast<double>(value.grid.scale)))
                return std::nullopt;
            return "16-bit tensors need a power of two as scale and zero point 0";
        default:
            return fmt::format("its type is {}; int8, uint8 and int16 are taken", dtype_name(value.grid.dtype));
    }
}

Why CpuBackend::why_not(const Op& op, const Program& program) const {
    return std::visit(Judge(program), op.form);
}

Result<std::shared_ptr<const Executable>> CpuBackend::compile(Program program) const {
    return make_plan(std::move(program), features_, observable_);
}

}  // namespace octet::engine::cpu
