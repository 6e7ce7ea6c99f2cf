#include "vision/resize.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <vector>

namespace octet::vision {
namespace {

std::uint8_t to_byte(float value) {
    return static_cast<std::uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F));
}

// The commonest case, 1280x720 to 640x360.
void halve(const ConstPixels& source, const Pixels& target) {
    const int channels = source.channels;
    for (int y = 0; y < target.height; ++y) {
        const std::uint8_t* upper = source.data + 2 * static_cast<std::size_t>(y) * source.stride;
        const std::uint8_t* lower = upper + source.stride;
        std::uint8_t* out = target.data + static_cast<std::size_t>(y) * target.stride;
        if (channels == 3) {
            for (int x = 0; x < target.width; ++x, upper += 6, lower += 6, out += 3) {
                out[0] = static_cast<std::uint8_t>((upper[0] + upper[3] + lower[0] + lower[3] + 2) >> 2);
                out[1] = static_cast<std::uint8_t>((upper[1] + upper[4] + lower[1] + lower[4] + 2) >> 2);
                out[2] = static_cast<std::uint8_t>((upper[2] + upper[5] + lower[2] + lower[5] + 2) >> 2);
            }
        } else {
            for (int x = 0; x < target.width; ++x, upper += 2 * channels, lower += 2 * channels, out += channels)
                for (int c = 0; c < channels; ++c)
                    out[c] = static_cast<std::uint8_t>(
                        (upper[c] + upper[c + channels] + lower[c] + lower[c + channels] + 2) >> 2);
        }
    }
}

// Source pixels [first, last) contribute to a target pixel, the first and the last one by a fraction.
struct Cover {
    int first, last;
    float first_weight, last_weight;  // last_weight belongs to last - 1; unused when the range is one pixel
};

std::vector<Cover> covers(int source_size, int target_size) {
    std::vector<Cover> result(static_cast<std::size_t>(target_size));
    for (std::int64_t i = 0; i < target_size; ++i) {
        // In units of 1 / target_size, so that the ends are exact.
        const std::int64_t begin = i * source_size, end = (i + 1) * source_size;
        const std::int64_t first = begin / target_size, last = (end + target_size - 1) / target_size;
        const auto unit = static_cast<float>(target_size);
        Cover& cover = result[static_cast<std::size_t>(i)];
        cover.first = static_cast<int>(first);
        cover.last = static_cast<int>(last);
        cover.first_weight = static_cast<float>(std::min(end, (first + 1) * target_size) - begin) / unit;
        cover.last_weight = static_cast<float>(end - std::max(begin, (last - 1) * target_size)) / unit;
    }
    return result;
}

}  // namespace

void resize_area(const ConstPixels& source, const Pixels& target) {
    assert(target.width <= source.width && target.height <= source.height && target.channels == source.channels);
    if (source.width == 2 * target.width && source.height == 2 * target.height) return halve(source, target);

    const int channels = source.channels;
    const auto columns = covers(source.width, target.width);
    const auto rows = covers(source.height, target.height);
    const float area = static_cast<float>(source.width) / static_cast<float>(target.width) *
                       static_cast<float>(source.height) / static_cast<float>(target.height);
    // Rows are summed first: that loop runs over whole contiguous rows.
    std::vector<float> sums(static_cast<std::size_t>(source.width) * channels);
    for (int y = 0; y < target.height; ++y) {
        const Cover& row = rows[static_cast<std::size_t>(y)];
        std::fill(sums.begin(), sums.end(), 0.0F);
        for (int sy = row.first; sy < row.last; ++sy) {
            const float weight = sy == row.first ? row.first_weight : sy == row.last - 1 ? row.last_weight : 1.0F;
            const std::uint8_t* in = source.data + static_cast<std::size_t>(sy) * source.stride;
            for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += weight * static_cast<float>(in[i]);
        }
        std::uint8_t* out = target.data + static_cast<std::size_t>(y) * target.stride;
        for (const Cover& column : columns) {
            for (int c = 0; c < channels; ++c, ++out) {
                float sum = 0;
                for (int sx = column.first; sx < column.last; ++sx) {
                    const float weight = sx == column.first      ? column.first_weight
                                         : sx == column.last - 1 ? column.last_weight
                                                                 : 1.0F;
                    sum += weight * sums[static_cast<std::size_t>(sx) * channels + c];
                }
                *out = to_byte(sum / area);
            }
        }
    }
}

BilinearTap bilinear_tap(int target, int target_size, int source_size) {
    const float scale = static_cast<float>(source_size) / static_cast<float>(target_size);
    const float centre =
        std::clamp((static_cast<float>(target) + 0.5F) * scale - 0.5F, 0.0F, static_cast<float>(source_size - 1));
    const int low = static_cast<int>(centre);
    return {low, std::min(low + 1, source_size - 1), centre - static_cast<float>(low)};
}

void resize_bilinear(const ConstPixels& source, const Pixels& target) {
    assert(target.channels == source.channels);
    const auto blend = [](float low, float high, float fraction) { return low + (high - low) * fraction; };
    std::vector<BilinearTap> columns;
    for (int x = 0; x < target.width; ++x) columns.push_back(bilinear_tap(x, target.width, source.width));
    for (int y = 0; y < target.height; ++y) {
        const BilinearTap row = bilinear_tap(y, target.height, source.height);
        const std::uint8_t* upper = source.data + static_cast<std::size_t>(row.low) * source.stride;
        const std::uint8_t* lower = source.data + static_cast<std::size_t>(row.high) * source.stride;
        std::uint8_t* out = target.data + static_cast<std::size_t>(y) * target.stride;
        for (const BilinearTap& column : columns) {
            const int low = column.low * source.channels, high = column.high * source.channels;
            for (int c = 0; c < source.channels; ++c) {
                const float top = blend(upper[low + c], upper[high + c], column.fraction);
                const float bottom = blend(lower[low + c], lower[high + c], column.fraction);
                *out++ = to_byte(blend(top, bottom, row.fraction));
            }
        }
    }
}

void resize(const ConstPixels& source, const Pixels& target) {
    if (target.width == source.width && target.height == source.height) {
        const std::size_t row_bytes = static_cast<std::size_t>(source.width) * source.channels;
        for (int y = 0; y < target.height; ++y)
            std::memcpy(target.data + static_cast<std::size_t>(y) * target.stride,
                        source.data + static_cast<std::size_t>(y) * source.stride, row_bytes);
    } else if (target.width <= source.width && target.height <= source.height) {
        resize_area(source, target);
    } else {
        resize_bilinear(source, target);
    }
}

}  // namespace octet::vision
