#pragma once

// Image scaling; sources and targets are views of interleaved 8-bit pixels whose rows may lie further apart.

#include <cstddef>
#include <cstdint>

namespace octet::vision {

struct ConstPixels {
    const std::uint8_t* data;
    int width, height, channels;
    std::size_t stride;  // bytes from a row to the next
};

struct Pixels {
    std::uint8_t* data;
    int width, height, channels;
    std::size_t stride;
};

// Each target pixel is the average of the area it covers, boundary pixels weighted by their covered fraction; rounded
// to nearest. target.width ≤ source.width, target.height ≤ source.height, same channels.
void resize_area(const ConstPixels& source, const Pixels& target);

// Where the centre of target pixel `target` lies between source pixels:
//   (target + 0.5) · source_size / target_size − 0.5, clamped to the edge pixels, = low + fraction
struct BilinearTap {
    int low, high;
    float fraction;  // weight of `high`
};
BilinearTap bilinear_tap(int target, int target_size, int source_size);

// Bilinear in both directions, rounded to nearest.
void resize_bilinear(const ConstPixels& source, const Pixels& target);

// Copies equal sizes, averages areas when neither side grows, else bilinear.
void resize(const ConstPixels& source, const Pixels& target);

}  // namespace octet::vision
