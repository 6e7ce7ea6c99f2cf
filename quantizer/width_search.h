#pragma once

// Which tensors get 16 bits, by what the network's outputs lose. A layer's own error does not tell what the layers
// behind it make of it: tensors that are near enough alone can together leave nothing of an output. So the network is
// run by the engine with 16 bits wherever there is such a form; each tensor is brought back to 8 bits alone, which tells
// the noise that it adds; and those that add most for what they cost get their 16 bits, until every output is as near
// as asked.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/program.h"
#include "engine/session.h"
#include "graph/quant/quantize_graph.h"

namespace octet::quantizer {

struct WidthGoal {
    double target_db = 30;      // of every float32 output; 0: nothing is searched
    double max_slowdown = 1.5;  // estimated: work() may grow to so many times what it was
    std::int64_t images = 32;   // evenly spread over the dataset, and not those on which biases are corrected
};

struct WidthSearch {
    double before_db = 0, after_db = 0;  // of the worst output
    double slowdown = 1;                 // estimated
    std::vector<std::string> widened;    // nodes, those that gain most for their cost first
};

// An output's SQNR here is the mean of its whole and of its channels (measured_fidelity.h), so that scores count beside
// coordinates. Adds the nodes to options.keep_int16, plans the model anew, and leaves its layers to be made. `reference`:
// of the float network with the same outputs.
Result<WidthSearch> search_widths(quant::QuantModel& model, const quant::Calibration& calibration,
                                  engine::Session& reference, const quant::Dataset& dataset, const WidthGoal& goal,
                                  quant::QuantizeOptions& options, int threads,
                                  const std::function<void(std::int64_t done, std::int64_t total)>& progress);

// What a program costs on a CPU, in multiply-accumulates of 8 bits: those of 16-bit inputs count twice, and each byte
// that is written as 8.
double work(const engine::Program& program);

}  // namespace octet::quantizer
