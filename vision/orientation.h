#pragma once

// How a stored picture is turned to stand upright, by the EXIF tag Orientation (CIPA DC-008, section 4.6.5.1.6):
//   1 as stored                    5 mirrored along the diagonal from the top left
//   2 mirrored left to right       6 turned clockwise by 90 degrees
//   3 turned by 180 degrees        7 mirrored along the other diagonal
//   4 mirrored top to bottom       8 turned counterclockwise by 90 degrees

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "vision/image.h"

namespace octet::vision {

inline constexpr int orientation_as_stored = 1;

// What an EXIF block in a JPEG's APP1 segment has before it.
inline constexpr std::array<std::uint8_t, 6> exif_prefix = {'E', 'x', 'i', 'f', 0, 0};

// From an EXIF block, which begins with its TIFF header ("II*" or "MM"). Nothing when it has no such tag, or is
// damaged.
std::optional<int> read_orientation(std::span<const std::uint8_t> exif);

// The pixel (x, y) of the stored picture of width x height is number origin + x * step_x + y * step_y of the upright
// one.
class Upright {
  public:
    Upright(int orientation, int width, int height);

    // Of the upright picture.
    int width() const { return turned_ ? stored_height_ : stored_width_; }
    int height() const { return turned_ ? stored_width_ : stored_height_; }
    // The pixels of a stored row lie side by side in the upright picture too, where row() points.
    bool keeps_rows() const { return step_x_ == 1; }
    // Where the first pixel of a stored row belongs.
    std::uint8_t* row(Image& upright, int stored_y) const;
    // Puts all of them where they belong.
    void put_row(Image& upright, int stored_y, const std::uint8_t* pixels) const;

  private:
    int stored_width_, stored_height_;
    bool turned_;
    std::ptrdiff_t origin_, step_x_, step_y_;
};

}  // namespace octet::vision
