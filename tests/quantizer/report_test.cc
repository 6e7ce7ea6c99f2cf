// The page of octet-quantize --report and its charts.

#include "quantizer/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cctype>
#include <limits>
#include <string>
#include <vector>

#include "quantizer/base64.h"
#include "quantizer/parameter_bytes.h"
#include "quantizer/report_data.h"
#include "quantizer/report_figures.h"
#include "quantizer/report_template.h"
#include "quantizer/report_yolop.h"
#include "quantizer/svg_chart.h"
#include "tests/quantizer/markup.h"

namespace octet::quantizer {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* sections[] = {"size", "layers", "accumulators", "histograms", "divergence", "concat", "overlays"};

std::size_t count_of(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
}

// A graph of one Relu with statistics of `values`, put on a grid.
struct SmallModel {
    explicit SmallModel(const std::vector<float>& values, const std::string& name = "y") {
        const ValueId x = model.graph.add_input("x", DType::float32, {1, 4});
        const ValueId y = model.graph.node(model.graph.add_node("Relu", "relu", {x}, {name})).outputs[0];
        // Not an output itself: those keep their whole range.
        model.graph.outputs = model.graph.node(model.graph.add_node("Relu", "last", {y}, {name + "_last"})).outputs;
        model.plan.group_of.assign(model.graph.value_count(), quant::GridPlan::none);
        model.plan.group_of[static_cast<std::size_t>(y)] = 0;
        model.plan.groups = {{quant::GridKind::activation, {y}, {y}, {}}};
        calibration.values.resize(model.graph.value_count());
        quant::ValueStatistics& statistics = calibration.values[static_cast<std::size_t>(y)];
        statistics.extent.add(values);
        statistics.histogram = quant::Histogram(statistics.extent.limit());
        statistics.histogram.add(values);
    }
    std::vector<ReportActivation> describe() {
        quant::choose_grids(model, calibration, options);
        return describe_activations(model, calibration, options);
    }
    quant::QuantModel model;
    quant::Calibration calibration;
    quant::QuantizeOptions options;
};

std::vector<float> ramp() {
    std::vector<float> values;
    for (int i = -100; i <= 400; ++i) values.push_back(static_cast<float>(i) * 0.01F);
    return values;
}

ReportLayer layer(const std::string& node, double noise) {
    ReportLayer one;
    one.node = node;
    one.op = "Conv+HardSwish";
    one.alone = {.signal = 100, .noise = noise / 2, .other = 100, .dot = 99};
    one.accumulated = quant::Fidelity{.signal = 100, .noise = noise, .other = 100, .dot = 98};
    return one;
}

Report full_report() {
    Report report;
    report.version = "1.2.3";
    report.facts = {{"recipe", "best"}};
    report.float_model = {"net.onnx", "aa", 4000, {.weights = 3000, .biases = 100, .scales = 0, .other = 20}};
    report.integer_model = {"out.onnx", "bb", 1500, {.weights = 750, .biases = 100, .scales = 150, .other = 20}};
    report.execution = {.operators = 12, .float_seams = {}, .float_layers = {}};
    for (int i = 0; i < 20; ++i) report.layers.push_back(layer("conv" + std::to_string(i), i + 1));
    const quant::Fidelity fidelity{.signal = 100, .noise = 1, .other = 100, .dot = 99};
    report.outputs = {{"det_out", fidelity, {fidelity, {.signal = 1, .noise = 1, .other = 0, .dot = 0}}}};
    report.plain_outputs = report.outputs;
    report.outputs_measured_on = "25 images that were not calibrated on";
    report.activations = SmallModel(ramp()).describe();
    report.accumulators = {{"narrow", 15, engine::npu_emu::SumRange{-9, 100}},
                           {"wide", 25, engine::npu_emu::SumRange{-40'000, 7}},
                           {"unseen", 33, {}}};
    report.concat =
        describe_concat({Tensor::from<float>({1, 2, 6}, {320, 600, 40, 20, 0.9F, 0.8F, 5, 6, 7, 8, 0.01F, 1})});
    report.overlays = {{"a.jpg", "FP32!", "INT8", "2 vehicles", "3 vehicles", 99.5, 88.25}};
    return report;
}

TEST(Report, SaysWhichAccumulatorsAreSafeAndWhatIsUsed) {
    const std::string page = report_page(full_report());
    const std::string safe = "<td data-value=\"1\">safe</td>", unsafe = "<td data-value=\"0\">–</td>";
    EXPECT_THAT(page, HasSubstr("narrow</td><td>15</td>" + safe + safe + safe + "<td>-9</td><td>100</td><td>8</td>"));
    EXPECT_THAT(page, HasSubstr("wide</td><td>25</td>" + unsafe + unsafe + safe +
                                "<td>-40000</td><td>7</td><td class=\"bad\">17</td>"));
    EXPECT_THAT(page,
                HasSubstr("unseen</td><td>33</td>" + unsafe + unsafe + unsafe + "<td>–</td><td>–</td><td>–</td>"));
}

TEST(Report, IsWellFormedAndHasEverySection) {
    const std::string page = report_page(full_report());
    EXPECT_EQ(markup_error(page), "");
    for (const std::string id : sections) EXPECT_THAT(page, HasSubstr("<h2 id=\"" + id + "\">"));
    for (const std::string external : {"src=\"http", "href=\"http", "@import", "url("})
        EXPECT_THAT(page, Not(HasSubstr(external)));
    EXPECT_THAT(page, HasSubstr("integers only"));
    EXPECT_THAT(page, HasSubstr("data:image/jpeg;base64,RlAzMiE="));
    EXPECT_THAT(page, HasSubstr("88.2 %"));
    EXPECT_THAT(page, Not(HasSubstr("class=\"none\"")));
}

TEST(Report, SaysWhatIsNotThere) {
    Report report;
    report.not_yolop = "Left out: the network is no YOLOP & more.";
    const std::string page = report_page(report);
    EXPECT_EQ(markup_error(page), "");
    for (const std::string id : sections) EXPECT_THAT(page, HasSubstr("<h2 id=\"" + id + "\">"));
    EXPECT_THAT(page, HasSubstr("--refine-images 0"));
    EXPECT_EQ(count_of(page, "the network is no YOLOP &amp; more."), 2U);
    EXPECT_EQ(count_of(page, "class=\"none\""), 5U);
}

TEST(Report, EscapesEveryText) {
    const std::string evil = "<b a=\"1\" c='2'>&\x01";
    Report report = full_report();
    report.float_model.path = report.integer_model.path = evil;
    report.facts = {{evil, evil}};
    report.skipped = {{evil, evil}};
    report.execution.float_seams = {evil};
    report.execution.float_layers = {{evil, evil, evil}};
    for (ReportLayer& one : report.layers) one.node = one.op = evil;
    report.outputs[0].name = evil;
    report.activations = SmallModel(ramp(), evil).describe();
    report.overlays[0].name = report.overlays[0].float_caption = report.overlays[0].integer_caption = evil;
    const std::string page = report_page(report);
    EXPECT_EQ(markup_error(page), "");
    EXPECT_THAT(page, Not(HasSubstr("<b a=")));
    EXPECT_THAT(page, HasSubstr("&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;\xEF\xBF\xBD"));
}

TEST(Report, NamesTheSkippedImagesAndFloatSteps) {
    Report report = full_report();
    report.skipped = {{"cut.jpg", "truncated"}, {"b.png", "empty"}};
    report.execution.float_seams = {"Sigmoid_4"};
    report.execution.float_layers = {{"Sigmoid_4", "Sigmoid", "it has no table"}};
    const std::string page = report_page(report);
    EXPECT_THAT(page, HasSubstr("2 unreadable images were skipped"));
    EXPECT_THAT(page, HasSubstr("<code>cut.jpg</code>: truncated"));
    EXPECT_THAT(page, HasSubstr("1 float operators"));
    EXPECT_THAT(page, HasSubstr("<code>Sigmoid_4</code> (Sigmoid): it has no table"));
}

TEST(Report, MarksTheLeastFaithfulLayers) {
    const std::string page = report_page(full_report());
    // 12 of 20 in each of two columns, and 12 dots.
    EXPECT_EQ(count_of(page, "<td class=\"bad\" data-value"), 24U);
    EXPECT_EQ(count_of(page, "class=\"dot-bad\""), 12U);
    // The first row is the least faithful layer.
    EXPECT_THAT(page.substr(page.find("<tbody>", page.find("Every layer"))),
                testing::StartsWith("<tbody>\n<tr><td>20</td>"));
    EXPECT_EQ(smallest_ones({3, 1, 2}), std::vector<bool>({true, true, true}));
}

TEST(Report, ScriptIsPlainText) {
    EXPECT_EQ(report_script.find_first_of("<&"), std::string_view::npos);
    EXPECT_EQ(report_style.find_first_of("<&"), std::string_view::npos);
}

TEST(ReportActivations, CountEveryValueAndHaveTheChosenGridAmongTheCandidates) {
    for (const auto method :
         {quant::Method::minmax, quant::Method::percentile, quant::Method::entropy, quant::Method::mse}) {
        SmallModel small(ramp());
        small.options.range.method = method;
        const auto activations = small.describe();
        ASSERT_EQ(activations.size(), 1U);
        const ReportActivation& one = activations[0];
        double counted = 0;
        for (const double count : one.counts) counted += count;
        EXPECT_EQ(counted, 501);
        EXPECT_EQ(one.total, 501U);
        ASSERT_EQ(one.candidates.size(), 4U);
        for (const ReportCandidate& candidate : one.candidates) {
            if (candidate.method == method) EXPECT_EQ(candidate.grid, one.grid);
        }
        // A uniform distribution over 5 in 255 steps: 6.02·8 + a little, as the range is not centred.
        EXPECT_NEAR(one.candidates[0].sqnr_db, 51, 3);
        EXPECT_EQ(one.candidates[0].outside_pct, 0);
        ASSERT_EQ(one.divergence.size(), 1U);
        EXPECT_EQ(one.divergence[0].result.divergence.size(),
                  2048U - static_cast<unsigned>(one.divergence[0].result.levels));
        EXPECT_EQ(markup_error(histogram_chart(one)), "");
        EXPECT_EQ(count_of(histogram_chart(one), "chosen\" d="), 2U) << "both ends";
    }
}

// A constant tensor, one of zeros, and one that was never seen.
TEST(ReportActivations, DegenerateTensorsAreDrawn) {
    for (const std::vector<float>& values :
         {std::vector<float>{}, {0, 0, 0}, {2, 2, 2}, {-3}, {1e-38F}, {1e38F, -1e38F}}) {
        const auto activations = SmallModel(values).describe();
        ASSERT_EQ(activations.size(), 1U);
        Report report;
        report.activations = activations;
        const std::string page = report_page(report);
        EXPECT_EQ(markup_error(page), "");
        for (const std::string word : {"nan", "=\"inf", " inf", "NaN"})
            EXPECT_THAT(page.substr(page.find("<body>"), page.find("<script>") - page.find("<body>")),
                        Not(HasSubstr(word)))
                << values.size();
    }
}

TEST(ReportConcat, CoordinatesCrushProbabilities) {
    // 640 pixels and probabilities up to 1.
    const Tensor det_out = Tensor::from<float>({1, 3, 6}, {640, 100, 50, 20, 0.95F, 0.9F,  //
                                                           0, 0, 10, 10, 0.5F, 0.5F,       //
                                                           1, 2, 3, 4, 0.003F, 0.003F});
    const ReportConcat concat = describe_concat({det_out, det_out});
    EXPECT_EQ(concat.images, 2);
    EXPECT_EQ(concat.boxes, 6);
    EXPECT_EQ(concat.largest_coordinate, 640);
    EXPECT_FLOAT_EQ(static_cast<float>(concat.largest_score), 0.95F);
    EXPECT_EQ(concat.shown, 2U);  // 0.5 · 0.5 does not exceed 0.25
    EXPECT_EQ(concat.together.score_levels, 1);
    EXPECT_EQ(concat.together.shown, 0U);
    EXPECT_EQ(concat.together.least_score, 0);
    EXPECT_FLOAT_EQ(static_cast<float>(concat.together.pixels_per_step), 640.0F / 255);
    EXPECT_EQ(concat.divided.score_levels, 4);  // 242, 230 (of 255), 128, 1
    EXPECT_GE(concat.divided.shown, 2U);
    EXPECT_FLOAT_EQ(static_cast<float>(concat.divided.least_score), 1.0F / 255);
    EXPECT_FLOAT_EQ(static_cast<float>(concat.divided.pixels_per_step), 640.0F / 255);
    double levels = 0;
    for (const double count : concat.divided.scores) levels += count;
    EXPECT_EQ(levels, 12);
    EXPECT_EQ(markup_error(level_chart(concat.together, "a < b")), "");
}

TEST(SvgChart, DrawsNothingOnNothing) {
    SvgChart chart(200, 100, {"x <unit>", 0, 0, false}, {"y", 0, 0, true}, "a & b");
    chart.line({}, "line");
    chart.columns({}, {}, "columns");
    EXPECT_EQ(markup_error(chart.svg()), "");
    EXPECT_THAT(chart.svg(), Not(HasSubstr("class=\"columns\"")));
    EXPECT_THAT(chart.svg(), HasSubstr("x &lt;unit&gt;"));
}

TEST(SvgChart, KeepsMarksInside) {
    constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
    SvgChart chart(200, 100, {"x", 0, 1, false}, {"y", 1, 1000, true}, "");
    const std::array<ChartPoint, 3> points{{{-5, 0}, {0.5, nothing}, {7, 1e9}}};
    chart.line(points, "mark");
    // Left and bottom, … right and top.
    EXPECT_THAT(chart.svg(), HasSubstr(R"(d="M58.0 60.0L122.0 60.0L186.0 10.0")"));
}

TEST(SvgChart, TicksAreRound) {
    EXPECT_EQ(axis_ticks({"", 0, 10, false}, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
    EXPECT_EQ(axis_ticks({"", -1.1, 1, false}, 4), (std::vector<double>{-1, 0, 1}));
    EXPECT_EQ(axis_ticks({"", 0.5, 2000, true}, 9), (std::vector<double>{1, 10, 100, 1000}));
    EXPECT_EQ(axis_ticks({"", 0.5, 2e6, true}, 3).size(), 3U);
    EXPECT_EQ(axis_ticks({"", 0.15, 1.5, true}, 3), (std::vector<double>{0.2, 0.5, 1}));
}

TEST(SvgChart, NumbersAreShort) {
    EXPECT_EQ(short_number(0.25), "0.25");
    EXPECT_EQ(short_number(999), "999");
    EXPECT_EQ(short_number(999.9), "1k");
    EXPECT_EQ(short_number(1536), "1.54k");
    EXPECT_EQ(short_number(-2e6), "-2M");
    EXPECT_EQ(short_number(2e38), "2e+38");
}

TEST(Base64, IsThatOfTheRfc) {
    const auto encode = [](std::string_view bytes) {
        std::string out;
        append_base64(out, bytes);
        return out;
    };
    EXPECT_EQ(encode(""), "");
    EXPECT_EQ(encode("f"), "Zg==");
    EXPECT_EQ(encode("fo"), "Zm8=");
    EXPECT_EQ(encode("foo"), "Zm9v");
    EXPECT_EQ(encode("foobar"), "Zm9vYmFy");
    EXPECT_EQ(encode("\xff\xfe\xfd"), "//79");
}

TEST(ParameterBytes, CountsEachConstantOnce) {
    Graph graph;
    const ValueId x = graph.add_input("x", DType::float32, {1, 2, 4, 4});
    const ValueId w = graph.add_constant("w", Tensor(DType::float32, {2, 2, 1, 1}));
    const ValueId b = graph.add_constant("b", Tensor(DType::float32, {2}));
    const ValueId a = graph.node(graph.add_node("Conv", "a", {x, w, b}, {"ya"})).outputs[0];
    const ValueId c = graph.node(graph.add_node("Conv", "c", {a, w, b}, {"yc"})).outputs[0];
    const ValueId scale = graph.add_constant("scale", Tensor::scalar(0.5F));
    const ValueId zero = graph.add_constant("zero", Tensor(DType::uint8, {}));
    graph.outputs = {graph.node(graph.add_node("QuantizeLinear", "q", {c, scale, zero}, {"q"})).outputs[0]};
    const ParameterBytes bytes = count_parameters(graph);
    EXPECT_EQ(bytes.weights, 16U);
    EXPECT_EQ(bytes.biases, 8U);
    EXPECT_EQ(bytes.scales, 5U);
    EXPECT_EQ(bytes.other, 0U);
}

TEST(Markup, FindsWhatIsWrong) {
    EXPECT_EQ(markup_error("<!DOCTYPE html><a b=\"1\">x<c/></a>"), "");
    EXPECT_THAT(markup_error("<a><b></a></b>"), HasSubstr("</a> closes <b>"));
    EXPECT_THAT(markup_error("<a>"), HasSubstr("<a> is not closed"));
    EXPECT_THAT(markup_error("<a>x & y</a>"), HasSubstr("&"));
    EXPECT_THAT(markup_error("<a b=1></a>"), HasSubstr("attribute"));
    EXPECT_THAT(markup_error("<a b=\"<\"></a>"), HasSubstr("attribute"));
}

}  // namespace
}  // namespace octet::quantizer
