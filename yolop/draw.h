#pragma once

// Drawing into an RGB image; everything is clipped to it.

#include <array>
#include <cstdint>
#include <string>

#include "vision/image.h"

namespace octet::yolop {

using Color = std::array<std::uint8_t, 3>;

// A rectangle of pixels: x in [left, right), y in [top, bottom).
struct Rect {
    int left = 0, top = 0, right = 0, bottom = 0;
};

// pixel = pixel · (1 − opacity) + color · opacity
void fill(vision::Image& image, Rect rect, Color color, float opacity = 1.0F);
// A frame of `thickness` pixels inside the rectangle.
void outline(vision::Image& image, Rect rect, Color color, int thickness);
// Wherever the one-channel mask of the same size is not 0.
void tint(vision::Image& image, const vision::Image& mask, Color color, float opacity);

// ASCII text of one line; a font unit takes `scale` x `scale` pixels. Other characters are left out.
void draw_text(vision::Image& image, int left, int top, const std::string& text, Color color, int scale);
int text_width(const std::string& text, int scale);
// Of capital letters and digits.
int text_height(int scale);

}  // namespace octet::yolop
