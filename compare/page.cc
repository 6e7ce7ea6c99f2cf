#include "compare/page.h"

#include <algorithm>

#include "compare/output.h"
#include "quantizer/report_template.h"
#include "quantizer/svg_chart.h"

namespace octet::compare {
namespace {

using quantizer::escape_markup;

constexpr double exact_db = 99;

std::string decibels(const std::optional<Difference>& difference) {
    if (!difference) return "–";
    const double db = difference->fidelity.sqnr_db();
    return db >= exact_db ? "exact" : fmt::format("{:.1f}", db);
}

std::string count(const std::optional<Difference>& difference) {
    return difference ? std::to_string(difference->differing) : "–";
}

std::string curve(const Comparison& comparison) {
    double lo = exact_db;
    const auto consider = [&](const std::optional<Difference>& d) {
        if (d) lo = std::min(lo, d->fidelity.sqnr_db());
    };
    for (const Layer& layer : comparison.layers) {
        consider(layer.free);
        consider(layer.forced);
    }
    const auto layers = static_cast<double>(comparison.layers.size());
    quantizer::SvgChart chart(1100, 300, {"layer, in the order of execution", 0.5, std::max(layers, 1.0) + 0.5, false},
                              {"SQNR [dB], 99: equal", std::min(0.0, lo), exact_db + 1, false},
                              "SQNR of every layer over the network");
    std::vector<quantizer::ChartPoint> free;
    for (std::size_t i = 0; i < comparison.layers.size(); ++i) {
        const Layer& layer = comparison.layers[i];
        const double x = static_cast<double>(i) + 1;
        if (layer.free) free.push_back({x, layer.free->fidelity.sqnr_db()});
    }
    chart.line(free, "accumulated");
    for (std::size_t i = 0; i < comparison.layers.size(); ++i) {
        const Layer& layer = comparison.layers[i];
        if (!layer.forced) continue;
        const bool bad = layer.forced->differing > 0;
        chart.dot({static_cast<double>(i) + 1, layer.forced->fidelity.sqnr_db()}, bad ? "dot-bad" : "dot-alone",
                  fmt::format("{}: {} of {} values differ", layer.name, layer.forced->differing, layer.elements),
                  bad ? 4 : 2.5);
    }
    return chart.svg();
}

void write_layers(std::string& page, const Comparison& comparison) {
    page +=
        "<h2 id=\"layers\">Layers</h2>\n<p class=\"lead\">Free: from the profile's own tensors. Forced: from the other "
        "side's, so that a layer shows its own difference alone.</p>\n<div class=\"tall\"><table class=\"layers\">\n"
        "<thead><tr><th class=\"text\">Layer</th><th class=\"text\">Operator</th><th class=\"text\">Rule</th>"
        "<th>Values</th><th>differ, free</th><th>differ, forced</th><th>largest, forced [steps]</th>"
        "<th>SQNR free [dB]</th><th>SQNR forced [dB]</th><th>cosine forced</th></tr></thead>\n<tbody>\n";
    for (const Layer& layer : comparison.layers) {
        const bool bad = layer.forced && layer.forced->differing > 0;
        page += fmt::format(
            "<tr><td class=\"name\">{}</td><td class=\"text\">{}</td><td class=\"text\">{}</td><td>{}</td><td>{}</td>"
            "<td{}>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
            escape_markup(layer.name), escape_markup(layer.kind), escape_markup(layer.rule), layer.elements,
            count(layer.free), bad ? " class=\"bad\"" : "", count(layer.forced),
            layer.forced ? fmt::format("{:g}", layer.forced->largest) : "–", decibels(layer.free),
            decibels(layer.forced), layer.forced ? fmt::format("{:.6f}", layer.forced->fidelity.cosine()) : "–");
    }
    page += "</tbody></table></div>\n";
}

void write_causes(std::string& page, const Comparison& comparison) {
    page +=
        "<h2 id=\"causes\">Causes</h2>\n<p class=\"lead\">What explains every value of a layer that diverges, the "
        "simplest first.</p>\n";
    const auto diverging = comparison.diverging();
    if (diverging.empty()) page += "<p class=\"none\">No layer diverges.</p>\n";
    for (std::size_t i : diverging) {
        const Layer& layer = comparison.layers[i];
        page += fmt::format("<h3><code>{}</code></h3>\n<p>{}.</p>\n", escape_markup(layer.name),
                            escape_markup(explanation(layer)));
        if (layer.first) page += fmt::format("<p>The first of them: {}.</p>\n", escape_markup(words(*layer.first)));
        if (layer.causes.empty()) continue;
        page += "<ul>\n";
        for (const Cause& cause : layer.causes)
            page += fmt::format("<li><code>{}</code>: {}</li>\n", escape_markup(cause.id), escape_markup(cause.text));
        page += "</ul>\n";
    }
}

}  // namespace

std::string comparison_page(const std::string& model, const std::string& other, const std::string& profile,
                            const Comparison& comparison, const std::optional<ProfileSearch>& search) {
    std::string page =
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
        "<meta name=\"viewport\" content=\"width=device-width, "
        "initial-scale=1\"/>\n<title>octet-compare</title>\n<style>";
    page += quantizer::report_style;
    page += "</style>\n</head>\n<body>\n<h1>Comparison</h1>\n";
    page +=
        fmt::format("<p class=\"lead\">{}</p>\n<div class=\"tiles\">\n", escape_markup(verdict(comparison, search)));
    const auto tile = [&](std::string_view what, const std::string& value, const std::string& below, bool bad) {
        page += fmt::format("<div class=\"tile\"><span>{}</span><b{}>{}</b><span>{}</span></div>\n", what,
                            bad ? " class=\"bad\"" : "", escape_markup(value), escape_markup(below));
    };
    const auto diverging = comparison.diverging();
    tile("Tensors compared", std::to_string(comparison.layers.size()),
         fmt::format("{} more of the network are not there", comparison.missing), false);
    tile("Layers that differ", std::to_string(comparison.ranking.size()), "free-running or forced",
         !comparison.identical());
    tile("Layers that diverge", std::to_string(diverging.size()), "teacher-forced", !diverging.empty());
    page += fmt::format(
        "</div>\n<dl><dt>network</dt><dd>{}</dd><dt>profile</dt><dd>{}</dd><dt>other side</dt>"
        "<dd>{}</dd></dl>\n",
        escape_markup(model), escape_markup(profile), escape_markup(other));
    if (search && search->explains_everything() && !search->changes.empty()) {
        page += "<h2>Change of the profile</h2>\n<ul>\n";
        for (const ProfileChange& change : search->changes)
            page += fmt::format("<li><code>{}</code>: {} instead of {}, explains {} layers</li>\n",
                                escape_markup(change.key), escape_markup(change.to), escape_markup(change.from),
                                change.explains);
        page += "</ul>\n";
    }
    page +=
        "<h2 id=\"curve\">Curve</h2>\n<p class=\"legend\"><span><span class=\"key accumulated\"></span>free</span>"
        "<span><span class=\"key alone\"></span>forced</span><span><span class=\"key worst\"></span>forced, "
        "diverging</span></p>\n<figure>";
    page += curve(comparison);
    page += "</figure>\n";
    write_causes(page, comparison);
    write_layers(page, comparison);
    return page + "</body>\n</html>\n";
}

}  // namespace octet::compare
