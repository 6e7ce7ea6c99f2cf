#include "quantizer/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <numeric>

#include "quantizer/base64.h"
#include "quantizer/report_figures.h"
#include "quantizer/report_template.h"
#include "quantizer/svg_chart.h"

namespace octet::quantizer {
namespace {

std::string megabytes(std::uint64_t bytes) {
    return fmt::format("{:.2f} MB", static_cast<double>(bytes) / 1e6);
}

// Digits in groups of three, parted by narrow spaces.
std::string grouped(std::uint64_t number) {
    std::string text = std::to_string(number);
    for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, "\u202F");
    return text;
}

std::string decibels(double value) {
    return value >= 99 ? "exact" : fmt::format("{:.1f} dB", value);
}

// Without the folder.
std::string file_of(const std::string& path) {
    return path.substr(path.find_last_of('/') + 1);
}

double percent(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

std::string kind_name(quant::GridKind kind) {
    if (kind == quant::GridKind::pixels) return "pixels";
    if (kind == quant::GridKind::head) return "head";
    if (kind == quant::GridKind::wide) return "wide";
    if (kind == quant::GridKind::sigmoid) return "sigmoid";
    if (kind == quant::GridKind::tanh) return "tanh";
    return "activation";
}

int bits_of(const Grid& grid) {
    return quant::grid_max(grid.dtype) - quant::grid_min(grid.dtype) > 255 ? 16 : 8;
}

std::string range_text(const Grid& grid) {
    const quant::Range range = quant::reach(grid);
    return fmt::format("{:.4g} … {:.4g}", range.lo, range.hi);
}

void section(std::string& page, std::string_view id, std::string_view title, std::string_view lead) {
    page += fmt::format("<h2 id=\"{}\">{}</h2>\n<p class=\"lead\">{}</p>\n", id, title, lead);
}

void none(std::string& page, std::string_view sentence) {
    page += fmt::format("<p class=\"none\">{}</p>\n", escape_markup(sentence));
}

void tile(std::string& page, std::string_view what, const std::string& value, std::string_view below,
          bool bad = false) {
    page += fmt::format("<div class=\"tile\"><span>{}</span><b{}>{}</b><span>{}</span></div>\n", what,
                        bad ? " class=\"bad\"" : "", escape_markup(value), escape_markup(below));
}

void write_header(std::string& page, const Report& report) {
    const ReportModel &from = report.float_model, &to = report.integer_model;
    page += fmt::format(
        "<h1>Quantization of {}</h1>\n<p class=\"lead\">What octet-quantize {} made of it, and what it "
        "cost.</p>\n<div class=\"tiles\">\n",
        escape_markup(file_of(from.path)), escape_markup(report.version));
    tile(page, "Size", fmt::format("{} → {}", megabytes(from.file_bytes), megabytes(to.file_bytes)),
         fmt::format("{:.1f} % of FP32", percent(to.file_bytes, from.file_bytes)));
    const ReportExecution& execution = report.execution;
    const bool integers = execution.float_seams.empty();
    tile(page, "Arithmetic",
         integers ? "integers only" : fmt::format("{} float operators", execution.float_seams.size()),
         fmt::format("of {} between the input and the outputs", execution.operators), !integers);
    if (!report.outputs.empty()) {
        const auto worst =
            std::min_element(report.outputs.begin(), report.outputs.end(),
                             [](const auto& a, const auto& b) { return a.whole.sqnr_db() < b.whole.sqnr_db(); });
        tile(page, "Least faithful output", decibels(worst->whole.sqnr_db()),
             fmt::format("{}, cosine {:.5f}", worst->name, worst->whole.cosine()));
    }
    page += "</div>\n<dl>\n";
    for (const auto& [name, value] : report.facts)
        page += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escape_markup(name), escape_markup(value));
    if (!integers)
        page += fmt::format("<dt>computed in float</dt><dd>{}</dd>\n",
                            escape_markup(fmt::format("{}", fmt::join(execution.float_seams, ", "))));
    page += "</dl>\n";
    if (!execution.float_layers.empty()) {
        page += fmt::format("<h3>{} layer{} quantized in the file but run{} in float, slower</h3>\n<ul>\n",
                            execution.float_layers.size(), execution.float_layers.size() == 1 ? " is" : "s are",
                            execution.float_layers.size() == 1 ? "s" : "");
        for (const engine::FloatLayer& layer : execution.float_layers)
            page += fmt::format("<li><code>{}</code> ({}): {}</li>\n", escape_markup(layer.name),
                                escape_markup(layer.op), escape_markup(layer.reason));
        page += "</ul>\n";
    }
    if (report.skipped.empty()) return;
    page += fmt::format("<h3>{} unreadable image{} skipped</h3>\n<ul>\n", report.skipped.size(),
                        report.skipped.size() == 1 ? " was" : "s were");
    for (const auto& [path, reason] : report.skipped)
        page += fmt::format("<li><code>{}</code>: {}</li>\n", escape_markup(path), escape_markup(reason));
    page += "</ul>\n";
}

void write_navigation(std::string& page) {
    page += R"(<nav><a href="#size">Size</a><a href="#layers">Layers</a><a href="#accumulators">Accumulators</a>)"
            R"(<a href="#histograms">Histograms</a>)"
            R"(<a href="#divergence">KL divergence</a><a href="#concat">Boxes and scores in one tensor</a>)"
            R"(<a href="#overlays">FP32 beside INT8</a></nav>)"
            "\n";
}

void write_sizes(std::string& page, const Report& report) {
    section(page, "size", "Size", "Bytes of the two files by what they are for.");
    const ReportModel &from = report.float_model, &to = report.integer_model;
    page +=
        "<div class=\"scroll\"><table>\n<thead><tr><th class=\"text\">Part</th><th>FP32 [bytes]</th><th>INT8 "
        "[bytes]</th><th>INT8 / FP32</th><th>share of the INT8 file</th></tr></thead>\n<tbody>\n";
    const auto row = [&](std::string_view name, std::uint64_t a, std::uint64_t b, std::string_view css) {
        page += fmt::format("<tr{}><td class=\"text\">{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.1f} %</td></tr>\n",
                            css, name, grouped(a), grouped(b), a == 0 ? "–" : fmt::format("{:.1f} %", percent(b, a)),
                            percent(b, to.file_bytes));
    };
    const auto rest = [](const ReportModel& model) {
        return model.file_bytes - std::min(model.file_bytes, model.parts.sum());
    };
    row("weights: float32, int8", from.parts.weights, to.parts.weights, "");
    row("biases: float32, int32", from.parts.biases, to.parts.biases, "");
    row("scales and zero points", from.parts.scales, to.parts.scales, "");
    row("other constants", from.parts.other, to.parts.other, "");
    row("graph, names, metadata", rest(from), rest(to), "");
    row("file", from.file_bytes, to.file_bytes, " class=\"sum\"");
    page += "</tbody></table></div>\n";
}

void write_outputs(std::string& page, const Report& report) {
    if (report.outputs.empty()) return;
    page +=
        "<h3>The network's outputs</h3>\n<p class=\"lead\">Of the INT8 file, run as octet-run does, beside those of "
        "the float32 network";
    page += fmt::format(", on {}", escape_markup(report.outputs_measured_on));
    page +=
        ". Red: a channel whose noise is more than half of its signal. Plain: all in 8 bits, ranges by min-max, no "
        "bias corrected. Top-1 changed: where another channel is the largest, which says something of classes.</p>\n"
        "<div class=\"scroll\"><table>\n<thead><tr><th class=\"text\">Output</th><th>SQNR [dB]</th><th>plain [dB]</th>"
        "<th>worst channel [dB]</th><th>its index</th><th>cosine</th><th>plain</th><th>top-1 changed</th>"
        "<th>plain</th></tr></thead>\n<tbody>\n";
    for (std::size_t i = 0; i < report.outputs.size(); ++i) {
        const OutputFidelity &output = report.outputs[i], &plain = report.plain_outputs.at(i);
        const auto worst = output.worst_channel();
        page += fmt::format(
            "<tr><td class=\"name\">{}</td><td>{:.1f}</td><td>{:.1f}</td><td{}>{}</td><td>{}</td>"
            "<td>{:.6f}</td><td>{:.6f}</td><td>{}</td><td>{}</td></tr>\n",
            escape_markup(output.name), output.whole.sqnr_db(), plain.whole.sqnr_db(),
            output.lost_channels().empty() ? "" : " class=\"bad\"",
            worst ? fmt::format("{:.1f}", output.channels[*worst].sqnr_db()) : "",
            worst ? fmt::format("{}", *worst) : "", output.whole.cosine(), plain.whole.cosine(),
            output.changed_decisions(), plain.changed_decisions());
    }
    page += "</tbody></table></div>\n";
}

void write_layer_table(std::string& page, const std::vector<ReportLayer>& layers) {
    page +=
        "<h3>Every layer</h3>\n<p class=\"lead\">Least faithful first; a click on a heading sorts. Red: the 12 "
        "smallest of a column.</p>\n<div class=\"tall\"><table class=\"layers\">\n<thead><tr>";
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 11> heads{{
        {"", "#"},
        {" class=\"text\"", "Node"},
        {" class=\"text\"", "Operators"},
        {"", "SQNR alone [dB]"},
        {" aria-sort=\"ascending\"", "SQNR accum. [dB]"},
        {"", "cosine alone"},
        {"", "cosine accum."},
        {" class=\"text\"", "Grid"},
        {"", "Bits"},
        {"", "Scale"},
        {"", "Zero point"},
    }};
    for (const auto& [attributes, name] : heads)
        page += fmt::format("<th{}><button type=\"button\">{}</button></th>", attributes, name);
    page += "</tr></thead>\n<tbody>\n";
    constexpr double unknown_db = 1000;  // behind all others
    std::vector<double> alone, accumulated;
    for (const ReportLayer& layer : layers) {
        alone.push_back(layer.alone.sqnr_db());
        accumulated.push_back(layer.accumulated ? layer.accumulated->sqnr_db() : unknown_db);
    }
    const auto worst_alone = smallest_ones(alone), worst_accumulated = smallest_ones(accumulated);
    const auto cell = [](double value, bool worst) {
        return fmt::format("<td{} data-value=\"{:.4f}\">{}</td>", worst ? " class=\"bad\"" : "", value,
                           value == unknown_db ? "–"
                           : value >= 99       ? "exact"
                                               : fmt::format("{:.1f}", value));
    };
    std::vector<std::size_t> order(layers.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return accumulated[a] < accumulated[b]; });
    for (const std::size_t i : order) {
        const ReportLayer& layer = layers[i];
        page += fmt::format(
            "<tr><td>{}</td><td class=\"name\">{}</td><td class=\"text\">{}</td>{}{}<td>{:.5f}</td><td>"
            "{}</td><td class=\"text\">{}</td><td>{}</td><td data-value=\"{:.9g}\">{:.5g}</td><td>{}</td></tr>\n",
            i + 1, escape_markup(layer.node), escape_markup(layer.op), cell(alone[i], worst_alone[i]),
            cell(accumulated[i], worst_accumulated[i]), layer.alone.cosine(),
            layer.accumulated ? fmt::format("{:.5f}", layer.accumulated->cosine()) : "–", kind_name(layer.kind),
            bits_of(layer.grid), layer.grid.scale, layer.grid.scale, layer.grid.zero_point);
    }
    page += "</tbody></table></div>\n";
}

void write_layers(std::string& page, const Report& report) {
    section(
        page, "layers", "Layers",
        "SQNR = 10·log₁₀(Σx² / Σ(x − x̂)²) of every value on a grid, against float32. <em>Alone</em>: the layer gets "
        "float32 inputs, rounded once. <em>Accumulated</em>: the INT8 file, run by the engine, everything before it "
        "quantized too; – where the engine computes the value and its reader at once. 6 dB are one bit.");
    if (report.layers.empty()) {
        none(page, "Not measured: the model was quantized with --refine-images 0.");
        return;
    }
    page +=
        R"(<div class="legend"><span><i class="key accumulated"></i>accumulated</span><span><i class="key alone"></i>)"
        R"(layer alone</span><span><i class="key worst"></i>least faithful, accumulated</span></div>)"
        "\n<figure class=\"wide\">" +
        sqnr_chart(report.layers) + "</figure>\n";
    write_outputs(page, report);
    write_layer_table(page, report.layers);
}

void write_accumulators(std::string& page, const Report& report) {
    section(page, "accumulators", "Accumulators",
            "Bits that hold Σ (x − zx)·w + bias of a convolution: <em>needed</em> by its weights, whatever the input, "
            "and <em>seen</em> on calibration pictures. Safe: no input overflows an accumulator of that width. Red: "
            "what was seen overflows 16 bits.");
    if (!report.no_accumulators.empty()) none(page, report.no_accumulators);
    if (report.accumulators.empty()) return;
    page += "<div class=\"tall\"><table class=\"layers\">\n<thead><tr>";
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> heads{{
        {" class=\"text\"", "Convolution"},
        {"", "needed bits"},
        {"", "16 bits"},
        {"", "24 bits"},
        {"", "32 bits"},
        {"", "least seen"},
        {"", "largest seen"},
        {"", "seen bits"},
    }};
    for (const auto& [attributes, name] : heads)
        page += fmt::format("<th{}><button type=\"button\">{}</button></th>", attributes, name);
    page += "</tr></thead>\n<tbody>\n";
    for (const AccumulatorUse& use : report.accumulators) {
        page += fmt::format("<tr><td class=\"name\">{}</td><td>{}</td>", escape_markup(use.name), use.bits);
        for (const int width : {16, 24, 32})
            page += use.bits <= width ? "<td data-value=\"1\">safe</td>" : "<td data-value=\"0\">–</td>";
        if (use.seen) {
            const int bits = engine::npu_emu::bits_of(*use.seen);
            page += fmt::format("<td>{}</td><td>{}</td><td{}>{}</td></tr>\n", use.seen->min, use.seen->max,
                                bits > 16 ? " class=\"bad\"" : "", bits);
        } else {
            page += "<td>–</td><td>–</td><td>–</td></tr>\n";
        }
    }
    page += "</tbody></table></div>\n";
}

std::string sources_text(const ReportActivation& activation) {
    std::string text = activation.sources.empty() ? "(no computed tensor)" : activation.sources.front();
    if (activation.sources.size() > 1) text += fmt::format(" and {} more", activation.sources.size() - 1);
    return text;
}

void write_candidates(std::string& page, const ReportActivation& activation) {
    page +=
        "<table><thead><tr><th class=\"text\">Method</th><th>Range</th><th>Step</th><th>Outside</th><th>SQNR "
        "[dB]</th></tr></thead><tbody>\n";
    const auto row = [&](std::string_view name, std::string_view css, const Grid& grid, double outside, double sqnr,
                         bool emphasised) {
        page += fmt::format(
            "<tr{}><td class=\"text\"><i class=\"key {}\"></i>{}</td><td>{}</td><td>{:.4g}</td><td>{:.3g} %"
            "</td><td>{:.1f}</td></tr>\n",
            emphasised ? " class=\"chosen\"" : "", css, name, range_text(grid), grid.scale, outside, sqnr);
    };
    for (const ReportCandidate& candidate : activation.candidates) {
        const std::string name(quant::method_name(candidate.method));
        const bool is_chosen = has_chosen_range(activation) && candidate.method == activation.method;
        row(is_chosen ? name + ", chosen" : name, name, candidate.grid, candidate.outside_pct, candidate.sqnr_db,
            is_chosen);
    }
    if (!has_chosen_range(activation))
        row(fmt::format("{} bits, chosen", bits_of(activation.grid)), "grid16", activation.grid, activation.outside_pct,
            activation.sqnr_db, true);
    page += "</tbody></table>\n";
}

void write_activation(std::string& page, const ReportActivation& activation, bool open) {
    page += fmt::format("<details class=\"grid\"{}><summary><code>{}</code> <small>{}, {} bits, {}</small></summary>\n",
                        open ? " open=\"open\"" : "", escape_markup(sources_text(activation)),
                        kind_name(activation.kind), bits_of(activation.grid), decibels(activation.sqnr_db));
    if (activation.total == 0) {
        none(page, activation.kind == quant::GridKind::pixels
                       ? "Pixels: every one of the 256 integers stands for itself."
                       : "Calibration counted no values of it.");
    } else {
        page += histogram_chart(activation);
        write_candidates(page, activation);
        page += fmt::format("<p><small>{} values, {:.1f} % of them 0, from {:.4g} to {:.4g}",
                            short_number(static_cast<double>(activation.total)),
                            percent(activation.zeros, activation.total), activation.extent.lo, activation.extent.hi);
        if (activation.sources.size() > 1) {
            page += "; on one grid:";
            for (const std::string& source : activation.sources)
                page += fmt::format(" <code>{}</code>", escape_markup(source));
        }
        page += "</small></p>\n";
    }
    page += "</details>\n";
}

void write_histograms(std::string& page, const Report& report) {
    section(page, "histograms", "Activation histograms and thresholds",
            "How often each value occurs on the calibration images, and where every method would end the range: dashed "
            "lines, the chosen one solid. What lies in the shaded part saturates. The SQNR is that of rounding and "
            "saturating these values, estimated from the histogram; the least faithful grids come first.");
    page += R"(<div class="legend"><span><i class="key minmax"></i>minmax</span><span><i class="key percentile"></i>)"
            R"(percentile</span><span><i class="key entropy"></i>entropy</span><span><i class="key mse"></i>mse</span>)"
            R"(<span><i class="key outside"></i>beyond the chosen grid</span></div>)"
            "\n";
    if (report.activations.empty()) {
        none(page, "Nothing in this network is on a grid.");
        return;
    }
    const std::size_t open = std::min(report_worst_count, report.activations.size());
    page += fmt::format("<h3>The {} least faithful of {} grids</h3>\n<div class=\"cards\">\n", open,
                        report.activations.size());
    for (std::size_t i = 0; i < open; ++i) write_activation(page, report.activations[i], true);
    page += "</div>\n";
    if (open == report.activations.size()) return;
    page += fmt::format(
        "<h3>The other {} grids <button class=\"plain\" type=\"button\" data-cards=\"others\">Open "
        "all</button></h3>\n<div class=\"cards\" id=\"others\">\n",
        report.activations.size() - open);
    for (std::size_t i = open; i < report.activations.size(); ++i) write_activation(page, report.activations[i], false);
    page += "</div>\n";
}

void write_divergences(std::string& page, const Report& report) {
    section(page, "divergence", "KL divergence of the entropy method",
            "D(i) between the histogram of |x| cut at bin i of 2048, its outliers added to the last bin, and the same "
            "merged into as many levels as the grid has for magnitudes, for every i from there on. The method takes "
            "the threshold at the minimum, among those that cut at most one value in ten thousand, and the largest one "
            "where several tensors share a grid.");
    const bool any = std::any_of(report.activations.begin(), report.activations.end(),
                                 [](const ReportActivation& one) { return !one.divergence.empty(); });
    if (!any) {
        none(page, "No grid has a histogram to compute it from.");
        return;
    }
    page += "<div class=\"cards small\">\n";
    for (const ReportActivation& activation : report.activations) {
        if (activation.divergence.empty()) continue;
        page += fmt::format("<figure><figcaption><code>{}</code>", escape_markup(sources_text(activation)));
        for (const ReportDivergence& one : activation.divergence)
            page += fmt::format("<br/><small>{}</small>", escape_markup(chosen_text(one.result)));
        page += "</figcaption>\n" + divergence_chart(activation) + "</figure>\n";
    }
    page += "</div>\n";
}

void write_concat_table(std::string& page, const ReportConcat& concat) {
    page += fmt::format(
        "<div class=\"scroll\"><table>\n<thead><tr><th class=\"text\">det_out</th><th>Step</th><th>Step in "
        "pixels</th><th>Levels that probabilities take</th><th>Least probability above 0</th><th>Boxes above "
        "{}</th><th>Boxes above {}</th></tr></thead>\n<tbody>\n",
        concat.display_threshold, concat.evaluation_threshold);
    page += fmt::format(
        "<tr><td class=\"text\">float32</td><td>–</td><td>–</td><td>–</td><td>–</td><td>{}</td><td>{}</td></tr>\n",
        concat.shown, concat.ranked);
    const auto row = [&](std::string_view name, const ReportConcatForm& form) {
        const bool lost = form.shown == 0 && concat.shown > 0;
        page += fmt::format(
            "<tr><td class=\"text\">{}</td><td>{:.4g}</td><td>{:.3g}</td><td{}>{} of 256</td><td>{}</td>"
            "<td{}>{}</td><td>{}</td></tr>\n",
            name, form.grid.scale, form.pixels_per_step, form.score_levels < 2 ? " class=\"bad\"" : "",
            form.score_levels, form.least_score > 0 ? fmt::format("{:.4f}", form.least_score) : "none",
            lost ? " class=\"bad\"" : "", form.shown, form.ranked);
    };
    row("8 bits, as it is", concat.together);
    row("8 bits, coordinates / 640", concat.divided);
    page += "</tbody></table></div>\n";
}

void write_concat(std::string& page, const Report& report) {
    section(
        page, "concat", "Boxes and scores in one 8-bit tensor",
        "The last Concat puts coordinates, up to 640 pixels, beside probabilities, up to 1. Under one 8-bit scale "
        "the probabilities share a level, and no box passes the threshold; after a division of the coordinates by "
        "640 both use the whole scale. Recipe <em>reference</em> does that; recipe <em>best</em> keeps the heads "
        "apart, at 16 bits, recipe <em>npu</em> at 8 with a range for each channel, and neither makes this tensor.");
    if (!report.concat) {
        none(page, report.not_yolop);
        return;
    }
    const ReportConcat& concat = *report.concat;
    page += fmt::format(
        "<p>Computed from float32's <code>det_out</code> of {} calibration image{}: {} boxes before "
        "suppression, coordinates up to {:.1f}, probabilities up to {:.3f}.</p>\n",
        concat.images, concat.images == 1 ? "" : "s", concat.boxes, concat.largest_coordinate, concat.largest_score);
    page += R"(<div class="legend"><span><i class="key coordinates"></i>coordinates: cx, cy, w, h</span><span>)"
            R"(<i class="key scores"></i>probabilities: objectness, class</span></div>)"
            "\n<div class=\"cards\">\n";
    const auto figure = [&](const std::string& title, const ReportConcatForm& form) {
        page +=
            fmt::format("<figure><figcaption>{} <small>probabilities on {} level{}</small></figcaption>\n{}</figure>\n",
                        title, form.score_levels, form.score_levels == 1 ? "" : "s", level_chart(form, title));
    };
    figure("One scale, as the network gives them", concat.together);
    figure("One scale, coordinates divided by 640", concat.divided);
    page += "</div>\n";
    write_concat_table(page, concat);
}

void write_overlays(std::string& page, const Report& report) {
    section(page, "overlays", "FP32 beside INT8",
            "Vehicles, drivable area and lane lines on calibration images; a click enlarges a pair.");
    if (report.overlays.empty()) {
        none(page, report.not_yolop);
        return;
    }
    for (const ReportOverlay& overlay : report.overlays) {
        const std::string name = escape_markup(overlay.name);
        page += fmt::format(
            "<figure><figcaption><code>{}</code> <small>overlap of the two masks (IoU): drivable area {:.1f} "
            "%, lane lines {:.1f} %</small></figcaption>\n<div class=\"pair\">\n",
            name, overlay.drivable_agreement_pct, overlay.lane_agreement_pct);
        const auto picture = [&](std::string_view which, const std::string& caption, const std::string& jpeg) {
            page += fmt::format("<div><small>{}: {}</small><img alt=\"{} of {}\" src=\"data:image/jpeg;base64,", which,
                                escape_markup(caption), which, name);
            append_base64(page, jpeg);
            page += "\"/></div>\n";
        };
        picture("FP32", overlay.float_caption, overlay.float_jpeg);
        picture("INT8", overlay.integer_caption, overlay.integer_jpeg);
        page += "</div></figure>\n";
    }
}

}  // namespace

std::string report_page(const Report& report) {
    std::string page = fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" "
        "content=\"width=device-width, initial-scale=1\"/>\n<title>Quantization of "
        "{}</title>\n<style>{}</style>\n</head>\n"
        "<body>\n",
        escape_markup(file_of(report.float_model.path)), report_style);
    write_header(page, report);
    write_navigation(page);
    write_sizes(page, report);
    write_layers(page, report);
    write_accumulators(page, report);
    write_histograms(page, report);
    write_divergences(page, report);
    write_concat(page, report);
    write_overlays(page, report);
    page += fmt::format("<script>{}</script>\n</body>\n</html>\n", report_script);
    return page;
}

}  // namespace octet::quantizer
