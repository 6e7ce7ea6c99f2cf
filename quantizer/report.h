#pragma once

// The page that octet-quantize --report writes: what was quantized how, and what it cost. One file of XHTML-clean HTML
// with style, script, charts and pictures inside; it needs nothing else and says the same for the same input.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/program.h"
#include "graph/quant/quantize_graph.h"
#include "quantizer/accumulator_use.h"
#include "quantizer/measured_fidelity.h"
#include "quantizer/parameter_bytes.h"

namespace octet::quantizer {

struct ReportModel {
    std::string path;
    std::string digest;
    std::uint64_t file_bytes = 0;
    ParameterBytes parts;
};

// How the INT8 model is executed.
struct ReportExecution {
    int operators = 0;
    std::vector<std::string> float_seams;  // names of what computes in float in the middle; empty: integers only
    std::vector<engine::FloatLayer> float_layers;  // those of them that the file quantizes, with the reason
};

struct ReportLayer {
    std::string node;
    std::string op;  // the chain that ends in it, "Conv+HardSwish"
    quant::GridKind kind = quant::GridKind::activation;
    Grid grid;
    quant::Fidelity alone;
    std::optional<quant::Fidelity> accumulated;  // measured_fidelity.h: LayerError
};

// What a method for the range would give for a grid.
struct ReportCandidate {
    quant::Method method = quant::Method::minmax;
    Grid grid;
    double sqnr_db = 0;      // of rounding and saturating, from the histogram
    double outside_pct = 0;  // of the values saturate
};

// D(i) of graph/quant/range.h for one tensor.
struct ReportDivergence {
    std::string value;
    double bin_width = 0;
    quant::EntropyResult result;
};

// A grid and the tensors on it that are computed.
struct ReportActivation {
    quant::Method method = quant::Method::mse;  // that chose the range
    std::vector<std::string> sources;
    quant::GridKind kind = quant::GridKind::activation;
    Grid grid;
    double sqnr_db = 0;  // of the grid, from the histogram
    double outside_pct = 0;
    quant::Extent extent;
    std::uint64_t total = 0;  // values counted, 0: there is no histogram
    std::uint64_t zeros = 0;
    std::vector<double> edges;   // counts.size() + 1
    std::vector<double> counts;  // of all sources
    std::vector<ReportCandidate> candidates;
    std::vector<ReportDivergence> divergence;  // a source; of the least faithful grids only
};

// det_out's coordinates and probabilities as one 8-bit tensor.
struct ReportConcatForm {
    Grid grid;
    double pixels_per_step = 0;             // of coordinates
    std::array<double, 256> coordinates{};  // how many lie on each level
    std::array<double, 256> scores{};
    int score_levels = 0;      // distinct ones
    double least_score = 0;    // above 0 that a level stands for
    std::uint64_t shown = 0;   // boxes above the threshold for display
    std::uint64_t ranked = 0;  // boxes above the threshold for evaluation
};

struct ReportConcat {
    int images = 0;
    std::int64_t boxes = 0;
    double largest_coordinate = 0;
    double largest_score = 0;
    float display_threshold = 0, evaluation_threshold = 0;
    std::uint64_t shown = 0, ranked = 0;  // by float32
    ReportConcatForm together;            // as the network gives them
    ReportConcatForm divided;             // coordinates divided by 640
};

struct ReportOverlay {
    std::string name;
    std::string float_jpeg, integer_jpeg;  // bytes
    std::string float_caption, integer_caption;
    double drivable_agreement_pct = 0, lane_agreement_pct = 0;  // intersection over union of the two masks
};

struct Report {
    std::string version;
    std::vector<std::pair<std::string, std::string>> facts;    // options and digests
    std::vector<std::pair<std::string, std::string>> skipped;  // images, and why
    ReportModel float_model, integer_model;
    ReportExecution execution;
    std::vector<ReportLayer> layers;                     // in the order of execution; empty: not measured
    std::vector<OutputFidelity> outputs, plain_outputs;  // as QuantizeOutcome has them
    std::string outputs_measured_on;                     // "25 images that were not calibrated on"
    std::vector<ReportActivation> activations;           // least faithful first
    std::vector<AccumulatorUse> accumulators;            // in the order of execution
    std::string no_accumulators;                         // why there are none, or none that were seen
    std::optional<ReportConcat> concat;
    std::vector<ReportOverlay> overlays;
    std::string not_yolop;  // why there are no boxes and overlays
};

// How many layers and grids are called the least faithful ones.
inline constexpr std::size_t report_worst_count = 12;

std::string report_page(const Report& report);

}  // namespace octet::quantizer
