#pragma once

// Charts as inline SVG, without colours of their own: every mark has a CSS class, so that the page decides, in the dark
// too.
//
//   data → pixels    x: left + (x − lo) / (hi − lo) · width, with log10 of all three on a logarithmic axis;
//                    the same for y, upwards. Marks outside the axes are moved to their ends.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace octet::quantizer {

// `text` with & < > " ' as entities and control characters, which no XML document may hold, as a replacement character.
std::string escape_markup(std::string_view text);

struct Axis {
    std::string label;  // with the unit
    double lo = 0;
    double hi = 1;
    bool logarithmic = false;  // needs lo > 0
};

struct ChartPoint {
    double x = 0;
    double y = 0;
};

// Places for labels within [lo, hi]: multiples of 1, 2 or 5 · 10^k, about `count` of them; powers of ten on a
// logarithmic axis, and 2 and 5 times them where there are not two.
std::vector<double> axis_ticks(const Axis& axis, int count);
// "0.25", "1.5k", "12M": up to `digits` significant digits.
std::string short_number(double value, int digits = 3);

class SvgChart {
  public:
    // `title` is read out by screen readers. An axis whose ends are equal, or no numbers, is widened to something
    // drawable.
    SvgChart(int width, int height, Axis x, Axis y, std::string_view title);

    // Points joined by lines, in rising x.
    void line(std::span<const ChartPoint> points, std::string_view css);
    // The columns [edges[i], edges[i+1]) of heights[i], as one shape.
    void columns(std::span<const double> edges, std::span<const double> heights, std::string_view css);
    // A dot with a tooltip.
    void dot(ChartPoint at, std::string_view css, std::string_view tooltip, double radius = 3);
    // A line over the whole height, with a tooltip.
    void vertical(double x, std::string_view css, std::string_view tooltip);
    // A line from the axis up to a point.
    void stem(ChartPoint at, std::string_view css);
    // A filled strip over the whole height.
    void band(double x0, double x1, std::string_view css);
    std::string svg() const;

  private:
    double px(double x) const;
    double py(double y) const;
    void draw_axes();

    int width_, height_;
    Axis x_, y_;
    std::string title_;
    std::string axes_;
    std::string marks_;
};

}  // namespace octet::quantizer
