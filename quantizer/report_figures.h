#pragma once

// The charts of the report.

#include <string>

#include "quantizer/report.h"

namespace octet::quantizer {

// SQNR of each layer, alone and accumulated, over the network; the least faithful ones stand out.
std::string sqnr_chart(const std::vector<ReportLayer>& layers);

// How often a tensor's values occur, with the end of every method's range; what the chosen grid does not reach is
// shaded.
std::string histogram_chart(const ReportActivation& activation);

// D over the threshold, for each source of a grid, with the chosen one marked.
std::string divergence_chart(const ReportActivation& activation);

// "i = 143, threshold 8.1, D = 0.01"
std::string chosen_text(const quant::EntropyResult& result);

// How many coordinates and probabilities lie on each of the 256 levels.
std::string level_chart(const ReportConcatForm& form, const std::string& title);

// True for a grid whose range one of the methods chose.
bool has_chosen_range(const ReportActivation& activation);

// Which of `values` are among the report_worst_count smallest.
std::vector<bool> smallest_ones(const std::vector<double>& values);

}  // namespace octet::quantizer
