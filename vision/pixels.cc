#include "vision/pixels.h"

#include <cassert>
#include <vector>

#include "kernels/masks.h"
#include "kernels/normalize.h"
#include "vision/resize.h"

namespace octet::vision {
namespace {

// The rows of a segmentation's two channels inside the letterbox's content.
class ContentRows {
  public:
    ContentRows(const Tensor& segmentation, const LetterboxTransform& transform)
        : values_(segmentation.data<float>()), transform_(transform) {
        assert(segmentation.size() == std::int64_t{2} * transform.canvas_width * transform.canvas_height);
    }
    const float* background(int y) const {
        return values_.data() + static_cast<std::size_t>(y + transform_.pad_top) * transform_.canvas_width +
               transform_.pad_left;
    }
    const float* foreground(int y) const {
        return background(y) + static_cast<std::size_t>(transform_.canvas_width) * transform_.canvas_height;
    }

  private:
    std::span<const float> values_;
    const LetterboxTransform& transform_;
};

}  // namespace

Tensor normalized_input(const Image& rgb, const Normalization& normalization) {
    assert(rgb.channels == 3);
    Tensor tensor(DType::float32, {1, 3, rgb.height, rgb.width});
    const std::size_t count = static_cast<std::size_t>(rgb.width) * rgb.height;
    std::vector<float> tables(std::size_t{3} * kernels::normalize_entries);
    for (std::size_t c = 0; c < 3; ++c) {
        kernels::make_normalize_table(normalization.mean[c], normalization.std[c],
                                      &tables[c * kernels::normalize_entries]);
    }
    const kernels::NormalizeCall call{rgb.pixels.data(), tables.data(), tensor.mutable_data<float>().data(),
                                      static_cast<std::int64_t>(count)};
    kernels::select(kernels::normalize_kernels(), kernels::default_features()).run(call);
    return tensor;
}

Tensor pixel_input(const Image& rgb) {
    return Tensor::from<std::uint8_t>({1, rgb.height, rgb.width, rgb.channels}, rgb.pixels);
}

Image content_mask(const Tensor& segmentation, const LetterboxTransform& transform) {
    const ContentRows rows(segmentation, transform);
    Image mask(transform.content_width, transform.content_height, 1);
    const auto& argmax = kernels::select(kernels::argmax_kernels(), kernels::default_features());
    for (int y = 0; y < mask.height; ++y) argmax.run({rows.background(y), rows.foreground(y), mask.row(y), mask.width});
    return mask;
}

Image frame_mask(const Tensor& segmentation, const LetterboxTransform& transform) {
    const ContentRows rows(segmentation, transform);
    Image mask(transform.frame_width, transform.frame_height, 1);
    std::vector<BilinearTap> columns;
    columns.reserve(static_cast<std::size_t>(mask.width));
    for (int x = 0; x < mask.width; ++x) columns.push_back(bilinear_tap(x, mask.width, transform.content_width));
    const auto& blend = kernels::select(kernels::blend_margin_kernels(), kernels::default_features());
    std::vector<float> margin(static_cast<std::size_t>(transform.content_width));
    for (int y = 0; y < mask.height; ++y) {
        const BilinearTap row = bilinear_tap(y, mask.height, transform.content_height);
        blend.run({{rows.background(row.low), rows.foreground(row.low)},
                   {rows.background(row.high), rows.foreground(row.high)},
                   row.fraction,
                   margin.data(),
                   transform.content_width});
        std::uint8_t* out = mask.row(y);
        for (const BilinearTap& column : columns) {
            const float value = margin[static_cast<std::size_t>(column.low)] * (1.0F - column.fraction) +
                                margin[static_cast<std::size_t>(column.high)] * column.fraction;
            *out++ = value > 0 ? 1 : 0;
        }
    }
    return mask;
}

}  // namespace octet::vision
