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

// A margin between two pixels of a row, t of the way from the first to the second, as a mask's pixel.
std::uint8_t mask_between(float first, float second, float t) {
    return first * (1.0F - t) + second * t > 0 ? 1 : 0;
}

// The commonest case, 640 to 1280: all pixels but the outermost two lie a quarter and three quarters of the way.
void spread_doubled(const std::vector<float>& margin, std::uint8_t* out) {
    for (std::size_t i = 0; i + 1 < margin.size(); ++i) {
        out[2 * i + 1] = mask_between(margin[i], margin[i + 1], 0.25F);
        out[2 * i + 2] = mask_between(margin[i], margin[i + 1], 0.75F);
    }
}

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
        const auto spread = [&, out = mask.row(y)](int x) {
            const BilinearTap& column = columns[static_cast<std::size_t>(x)];
            out[x] = mask_between(margin[static_cast<std::size_t>(column.low)],
                                  margin[static_cast<std::size_t>(column.high)], column.fraction);
        };
        if (mask.width == 2 * transform.content_width) {
            spread_doubled(margin, mask.row(y));
            spread(0);
            spread(mask.width - 1);
        } else {
            for (int x = 0; x < mask.width; ++x) spread(x);
        }
    }
    return mask;
}

}  // namespace octet::vision
