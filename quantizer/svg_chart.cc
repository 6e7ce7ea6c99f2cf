#include "quantizer/svg_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace octet::quantizer {
namespace {

constexpr int margin_left = 58, margin_right = 14, margin_top = 10, margin_bottom = 40;
constexpr int pixels_per_x_tick = 80, pixels_per_y_tick = 38;

void widen(Axis& axis) {
    if (!std::isfinite(axis.lo) || !std::isfinite(axis.hi)) axis.lo = axis.hi = axis.logarithmic ? 1 : 0;
    if (axis.logarithmic) {
        axis.lo = std::max(axis.lo, 1e-300);
        if (!(axis.hi > axis.lo)) axis.hi = axis.lo * 10;
    } else if (!(axis.hi > axis.lo)) {
        const double room = std::max(std::abs(axis.lo) / 2, 1e-6);
        axis.lo -= room;
        axis.hi += room;
    }
}

// Where `value` lies between the ends, 0 … 1.
double place(const Axis& axis, double value) {
    if (!(value > axis.lo)) return 0;
    if (value >= axis.hi) return 1;
    if (axis.logarithmic) return std::log(value / axis.lo) / std::log(axis.hi / axis.lo);
    return (value - axis.lo) / (axis.hi - axis.lo);
}

std::string title_of(std::string_view tooltip) {
    return tooltip.empty() ? std::string() : fmt::format("<title>{}</title>", escape_markup(tooltip));
}

}  // namespace

std::string escape_markup(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default: {
                const bool control = static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t';
                out += control ? "\xEF\xBF\xBD" : std::string(1, c);
            }
        }
    }
    return out;
}

std::string short_number(double value, int digits) {
    if (!std::isfinite(value)) return value > 0 ? "∞" : value < 0 ? "−∞" : "?";
    struct Unit {
        double size;
        const char* name;
    };
    static constexpr Unit units[] = {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
    if (std::abs(value) >= 1e12) return fmt::format("{:.{}g}", value, digits);
    for (const auto& [size, name] : units) {
        // What would be rounded up to it as well.
        if (std::abs(value) >= size * (1 - std::pow(10.0, -digits) / 2))
            return fmt::format("{:.{}g}{}", value / size, digits, name);
    }
    return fmt::format("{:.{}g}", value == 0 ? 0.0 : value, digits);
}

std::vector<double> axis_ticks(const Axis& axis, int count) {
    std::vector<double> ticks;
    if (axis.logarithmic) {
        const int first = static_cast<int>(std::ceil(std::log10(axis.lo) - 1e-9));
        const int last = static_cast<int>(std::floor(std::log10(axis.hi) + 1e-9));
        const int step = std::max(1, (last - first + count) / std::max(1, count));
        for (int power = first; power <= last; power += step) ticks.push_back(std::pow(10.0, power));
        if (ticks.size() > 1) return ticks;
        // Within a decade or two.
        ticks.clear();
        for (int power = first - 1; power <= last; ++power) {
            for (const double part : {1.0, 2.0, 5.0}) {
                const double tick = part * std::pow(10.0, power);
                if (tick >= axis.lo && tick <= axis.hi) ticks.push_back(tick);
            }
        }
        return ticks;
    }
    const double rough = (axis.hi - axis.lo) / std::max(1, count);
    const double magnitude = std::pow(10.0, std::floor(std::log10(rough)));
    const double part = rough / magnitude;
    const double step = magnitude * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
    const double first = std::ceil(axis.lo / step - 1e-9);
    const double last = std::floor(axis.hi / step + 1e-9);
    for (double i = first; i <= last; ++i) ticks.push_back(i == 0 ? 0.0 : i * step);
    return ticks;
}

SvgChart::SvgChart(int width, int height, Axis x, Axis y, std::string_view title)
    : width_(width), height_(height), x_(std::move(x)), y_(std::move(y)), title_(title) {
    widen(x_);
    widen(y_);
    draw_axes();
}

double SvgChart::px(double x) const {
    return margin_left + place(x_, x) * (width_ - margin_left - margin_right);
}

double SvgChart::py(double y) const {
    return height_ - margin_bottom - place(y_, y) * (height_ - margin_top - margin_bottom);
}

void SvgChart::draw_axes() {
    const int right = width_ - margin_right, bottom = height_ - margin_bottom;
    auto out = std::back_inserter(axes_);
    for (const double tick : axis_ticks(y_, (bottom - margin_top) / pixels_per_y_tick)) {
        fmt::format_to(out, R"(<path class="rule" d="M{} {:.1f}H{}"/>)", margin_left, py(tick), right);
        fmt::format_to(out, R"(<text class="end" x="{}" y="{:.1f}">{}</text>)", margin_left - 6, py(tick) + 3.5,
                       short_number(tick));
    }
    for (const double tick : axis_ticks(x_, (right - margin_left) / pixels_per_x_tick)) {
        fmt::format_to(out, R"(<path class="rule" d="M{:.1f} {}v4"/>)", px(tick), bottom);
        fmt::format_to(out, R"(<text class="mid" x="{:.1f}" y="{}">{}</text>)", px(tick), bottom + 15,
                       short_number(tick, 4));
    }
    fmt::format_to(out, R"(<path class="axis" d="M{} {}H{}"/>)", margin_left, bottom, right);
    fmt::format_to(out, R"(<text class="mid name" x="{}" y="{}">{}</text>)", (margin_left + right) / 2, height_ - 7,
                   escape_markup(x_.label));
    fmt::format_to(out, R"-(<text class="mid name" transform="translate(12 {}) rotate(-90)">{}</text>)-",
                   (margin_top + bottom) / 2, escape_markup(y_.label));
}

void SvgChart::line(std::span<const ChartPoint> points, std::string_view css) {
    if (points.empty()) return;
    auto out = std::back_inserter(marks_);
    fmt::format_to(out, R"(<path class="{}" d=")", css);
    for (std::size_t i = 0; i < points.size(); ++i) {
        fmt::format_to(out, "{}{:.1f} {:.1f}", i == 0 ? 'M' : 'L', px(points[i].x), py(points[i].y));
    }
    marks_ += R"("/>)";
}

void SvgChart::columns(std::span<const double> edges, std::span<const double> heights, std::string_view css) {
    if (heights.empty() || edges.size() < heights.size() + 1) return;
    const int bottom = height_ - margin_bottom;
    auto out = std::back_inserter(marks_);
    fmt::format_to(out, R"(<path class="{}" d="M{:.1f} {})", css, px(edges[0]), bottom);
    for (std::size_t i = 0; i < heights.size(); ++i) {
        fmt::format_to(out, "V{:.1f}H{:.1f}", py(heights[i]), px(edges[i + 1]));
    }
    fmt::format_to(out, R"(V{}Z"/>)", bottom);
}

void SvgChart::dot(ChartPoint at, std::string_view css, std::string_view tooltip, double radius) {
    marks_ += fmt::format(R"(<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{}">{}</circle>)", css, px(at.x), py(at.y),
                          radius, title_of(tooltip));
}

void SvgChart::vertical(double x, std::string_view css, std::string_view tooltip) {
    marks_ += fmt::format(R"(<path class="{}" d="M{:.1f} {}V{}">{}</path>)", css, px(x), margin_top,
                          height_ - margin_bottom, title_of(tooltip));
}

void SvgChart::stem(ChartPoint at, std::string_view css) {
    marks_ +=
        fmt::format(R"(<path class="{}" d="M{:.1f} {}V{:.1f}"/>)", css, px(at.x), height_ - margin_bottom, py(at.y));
}

void SvgChart::band(double x0, double x1, std::string_view css) {
    const double left = px(std::min(x0, x1)), right = px(std::max(x0, x1));
    marks_ += fmt::format(R"(<rect class="{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>)", css, left, margin_top,
                          right - left, height_ - margin_top - margin_bottom);
}

std::string SvgChart::svg() const {
    return fmt::format(R"(<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">)"
                       "{}{}</svg>\n",
                       width_, height_, escape_markup(title_), axes_, marks_);
}

}  // namespace octet::quantizer
