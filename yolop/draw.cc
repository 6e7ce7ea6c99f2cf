#include "yolop/draw.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <vector>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_easy_font.h>
#pragma GCC diagnostic pop

namespace octet::yolop {
namespace {

// The font's quads are axis-aligned rectangles: four corners of this layout, clockwise from the top left.
struct FontVertex {
    float x, y, z;
    unsigned char color[4];
};

constexpr int capital_height = 7;  // font units

// stb_easy_font indexes its tables with the character unchecked.
std::string printable(const std::string& text) {
    std::string result;
    for (const char c : text)
        if (c >= ' ' && c <= '~') result += c;
    return result;
}

std::uint8_t mix(std::uint8_t below, std::uint8_t above, int opacity_256) {
    return static_cast<std::uint8_t>((below * (256 - opacity_256) + above * opacity_256 + 128) >> 8);
}

int to_256(float opacity) {
    return static_cast<int>(std::lround(std::clamp(opacity, 0.0F, 1.0F) * 256));
}

}  // namespace

void fill(vision::Image& image, Rect rect, Color color, float opacity) {
    assert(image.channels == 3);
    const int alpha = to_256(opacity);
    rect = {std::max(rect.left, 0), std::max(rect.top, 0), std::min(rect.right, image.width),
            std::min(rect.bottom, image.height)};
    for (int y = rect.top; y < rect.bottom; ++y)
        for (int x = rect.left; x < rect.right; ++x)
            for (int c = 0; c < 3; ++c) {
                std::uint8_t& value = image.row(y)[3 * x + c];
                value = mix(value, color[static_cast<std::size_t>(c)], alpha);
            }
}

void outline(vision::Image& image, Rect rect, Color color, int thickness) {
    const int inner_top = std::min(rect.top + thickness, rect.bottom);
    const int inner_bottom = std::max(rect.bottom - thickness, inner_top);
    fill(image, {rect.left, rect.top, rect.right, inner_top}, color);
    fill(image, {rect.left, inner_bottom, rect.right, rect.bottom}, color);
    fill(image, {rect.left, inner_top, std::min(rect.left + thickness, rect.right), inner_bottom}, color);
    fill(image, {std::max(rect.right - thickness, rect.left), inner_top, rect.right, inner_bottom}, color);
}

void tint(vision::Image& image, const vision::Image& mask, Color color, float opacity) {
    assert(image.channels == 3 && mask.width == image.width && mask.height == image.height);
    const int alpha = to_256(opacity);
    std::uint8_t* pixel = image.pixels.data();
    for (const std::uint8_t set : mask.pixels) {
        if (set)
            for (std::size_t c = 0; c < 3; ++c) pixel[c] = mix(pixel[c], color[c], alpha);
        pixel += 3;
    }
}

void draw_text(vision::Image& image, int left, int top, const std::string& text, Color color, int scale) {
    std::string characters = printable(text);
    constexpr std::size_t vertices_per_character = 4 * 40;  // no glyph has that many rectangles
    std::vector<FontVertex> vertices(std::max<std::size_t>(1, characters.size()) * vertices_per_character);
    const int quads = stb_easy_font_print(0, 0, characters.data(), nullptr, vertices.data(),
                                          static_cast<int>(vertices.size() * sizeof(FontVertex)));
    for (int i = 0; i < quads; ++i) {
        const FontVertex& first = vertices[static_cast<std::size_t>(i) * 4];
        const FontVertex& opposite = vertices[static_cast<std::size_t>(i) * 4 + 2];
        fill(image,
             {left + static_cast<int>(first.x) * scale, top + static_cast<int>(first.y) * scale,
              left + static_cast<int>(opposite.x) * scale, top + static_cast<int>(opposite.y) * scale},
             color);
    }
}

int text_width(const std::string& text, int scale) {
    std::string characters = printable(text);
    return stb_easy_font_width(characters.data()) * scale;
}

int text_height(int scale) {
    return capital_height * scale;
}

}  // namespace octet::yolop
