#include "yolop/overlay.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "yolop/draw.h"

namespace octet::yolop {
namespace {

constexpr Color green{0, 200, 70}, red{255, 30, 30}, yellow{255, 214, 10}, black{0, 0, 0}, white{255, 255, 255};
constexpr float drivable_opacity = 0.4F, lane_opacity = 0.75F;

// Line widths and letters grow with the frame: 1 up to 600 rows, 2 up to 1200 …
int unit_of(const vision::Image& image) {
    return 1 + (std::min(image.width, image.height) - 1) / 600;
}

Rect to_pixels(const Box& box) {
    return {static_cast<int>(std::lround(box.x1)), static_cast<int>(std::lround(box.y1)),
            static_cast<int>(std::lround(box.x2)), static_cast<int>(std::lround(box.y2))};
}

void draw_box(vision::Image& image, const Rect& box) {
    const int unit = unit_of(image);
    outline(image, box, yellow, box.right - box.left < 40 * unit ? std::max(1, unit / 2) : unit);
}

bool overlap(const Rect& a, const Rect& b) {
    return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

// The score on a plate: above the box, below it, or inside, wherever none of `taken` is; in small letters where large
// ones find no place or the box is small. A box without a place stays without a score.
void draw_score(vision::Image& image, const Rect& box, float score, std::vector<Rect>& taken) {
    const std::string text = fmt::format("{:.2f}", score);
    const int unit = unit_of(image), small = std::max(1, unit / 2);
    const int largest = text_width(text, unit) <= box.right - box.left ? unit : small;
    for (int scale = largest; scale >= small; --scale) {
        const int margin = scale;
        const int width = text_width(text, scale) + 2 * margin, height = text_height(scale) + 2 * margin;
        const int left = std::clamp(box.left, 0, std::max(0, image.width - width));
        for (const int top : {box.top - height, box.bottom, box.top}) {
            const Rect plate{left, top, left + width, top + height};
            const bool is_free =
                std::none_of(taken.begin(), taken.end(), [&](const Rect& r) { return overlap(plate, r); });
            if (top < 0 || plate.bottom > image.height || !is_free) continue;
            fill(image, plate, yellow);
            draw_text(image, left + margin, top + margin, text, black, scale);
            taken.push_back(plate);
            return;
        }
    }
}

// Returns where it is.
Rect draw_legend(vision::Image& image, std::size_t vehicles, double drivable_pct, double lane_pct) {
    struct Entry {
        Color color;
        std::string text;
        bool hollow;
    };
    const Entry entries[] = {{green, fmt::format("drivable area {:.1f} %", drivable_pct), false},
                             {red, fmt::format("lane lines {:.1f} %", lane_pct), false},
                             {yellow, fmt::format("{} vehicle{}, score", vehicles, vehicles == 1 ? "" : "s"), true}};
    const int unit = unit_of(image);
    const int gap = 5 * unit, swatch = 14 * unit, line = text_height(unit) + gap;
    int width = 0;
    for (const Entry& entry : entries) width = std::max(width, text_width(entry.text, unit));
    const int left = 2 * gap, top = 2 * gap;
    const Rect panel{left - gap, top - gap, left + swatch + gap + width + gap, top + line * 3};
    fill(image, panel, black, 0.65F);
    for (int i = 0; i < 3; ++i) {
        const Entry& entry = entries[i];
        const int y = top + i * line;
        const Rect area{left, y, left + swatch, y + text_height(unit)};
        if (entry.hollow)
            outline(image, area, entry.color, unit);
        else
            fill(image, area, entry.color);
        draw_text(image, left + swatch + gap, y, entry.text, white, unit);
    }
    return panel;
}

}  // namespace

double covered_pct(const vision::Image& mask) {
    const auto set =
        mask.pixels.size() - static_cast<std::size_t>(std::count(mask.pixels.begin(), mask.pixels.end(), 0));
    return mask.pixels.empty() ? 0 : 100.0 * static_cast<double>(set) / static_cast<double>(mask.pixels.size());
}

vision::Image draw_overlay(vision::Image frame, std::span<const Detection> vehicles, const vision::Image& drivable,
                           const vision::Image& lane) {
    vision::Image image = std::move(frame);
    tint(image, drivable, green, drivable_opacity);
    tint(image, lane, red, lane_opacity);
    for (const Detection& vehicle : vehicles) draw_box(image, to_pixels(vehicle.box));
    std::vector<Rect> taken{draw_legend(image, vehicles.size(), covered_pct(drivable), covered_pct(lane))};
    // The best ones choose their places first.
    for (const Detection& vehicle : vehicles) draw_score(image, to_pixels(vehicle.box), vehicle.score, taken);
    return image;
}

}  // namespace octet::yolop
