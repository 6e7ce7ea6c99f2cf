#include "kernels/piecewise.h"

#include <algorithm>
#include <cmath>

namespace octet::kernels {
namespace {

class Fit {
  public:
    explicit Fit(const PiecewiseSpec& spec) : spec_(spec) {}

    tl::expected<Piecewise, std::string> run() {
        // Outwards from 0, in steps of 1/16 and then of a sixteenth of x.
        constexpr double first_step = 1.0 / 16;
        std::vector<double> sizes;
        for (double x = first_step; x < spec_.reach; x += std::max(first_step, x / 16)) sizes.push_back(x);
        sizes.push_back(spec_.reach);
        const bool given = spec_.half_width > 0;
        const double high = given ? spec_.half_width : end_of_domain(sizes, 1);
        const double low = given ? -spec_.half_width : -end_of_domain(sizes, -1);
        Piecewise fit;
        fit.centre = (low + high) / 2;
        fit.half_width = std::max((high - low) / 2, 1e-6);

        // Samples of each segment, its ends among them.
        constexpr int samples = 16;
        std::vector<double> x;
        for (int i = 0; i <= table_segments * samples; ++i) {
            x.push_back(fit.centre + fit.half_width * (2.0 * i / (table_segments * samples) - 1));
        }
        const std::vector<double> y = values(x);
        for (const double value : y) {
            if (!std::isfinite(value)) return tl::unexpected<std::string>("its activation is not finite");
        }
        const auto chord_error = [&](int segment) {
            const auto at = static_cast<std::size_t>(segment * samples);
            return y[at + samples / 2] - (y[at] + y[at + samples]) / 2;
        };
        for (int i = 0; i <= table_segments; ++i) {
            const double left = i > 0 ? chord_error(i - 1) : 0, right = i < table_segments ? chord_error(i) : 0;
            fit.nodes[static_cast<std::size_t>(i)] = y[static_cast<std::size_t>(i * samples)] + (left + right) / 3;
        }
        for (std::size_t i = 0; i < y.size(); ++i) {
            const std::size_t segment = std::min<std::size_t>(i / samples, table_segments - 1);
            const double part = static_cast<double>(i - segment * samples) / samples;
            const double drawn = fit.nodes[segment] * (1 - part) + fit.nodes[segment + 1] * part;
            fit.worst_error = std::max(fit.worst_error, std::abs(drawn - y[i]));
        }
        return fit;
    }

  private:
    std::vector<double> values(std::span<const double> x) const {
        std::vector<double> y = spec_.function(x);
        for (double& value : y) {
            if (!std::isnan(value)) value = std::clamp(value, spec_.lowest, spec_.highest);
        }
        return y;
    }

    // The smallest |x|, x of this sign, beyond which nothing changes any more, found between two sizes by bisection.
    double end_of_domain(const std::vector<double>& sizes, double sign) const {
        std::vector<double> x = {0};
        for (const double size : sizes) x.push_back(sign * size);
        const std::vector<double> y = values(x);
        const double last = y.back();
        const auto flat = [&](double value) { return std::abs(value - last) <= spec_.step / 32; };
        std::size_t end = x.size() - 1;
        while (end > 0 && flat(y[end - 1])) --end;
        if (end == 0) return 0;
        double inside = std::abs(x[end - 1]), outside = std::abs(x[end]);
        for (int i = 0; i < 20; ++i) {
            const double middle = (inside + outside) / 2, at = sign * middle;
            (flat(values({&at, 1}).front()) ? outside : inside) = middle;
        }
        return outside;
    }

    const PiecewiseSpec& spec_;
};

}  // namespace

tl::expected<Piecewise, std::string> fit_piecewise(const PiecewiseSpec& spec) {
    return Fit(spec).run();
}

}  // namespace octet::kernels
