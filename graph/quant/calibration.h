#pragma once

// What values a network's tensors take on real images.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "graph/ops/op_def.h"
#include "graph/quant/histogram.h"

namespace octet::quant {

// The calibration images as network inputs. load() is called several times for an image, from several threads at once.
struct Dataset {
    std::int64_t size = 0;
    std::function<Result<Tensor>(std::int64_t)> load;
};

// `count` images at most, evenly spread over the dataset, which must outlive them.
Dataset evenly_spread(const Dataset& dataset, std::int64_t count);

// Shows the input and every float activation of every image to `observe`, an image's in their order, several images at
// once; calls done() after each image, one at a time. Stops at the first error.
using ImageObserver = std::function<Result<void>(std::int64_t image, ValueId value, const Tensor& tensor)>;
Result<void> run_images(const Graph& graph, const Dataset& dataset, const ParallelFor& parallel_for,
                        const ImageObserver& observe, const std::function<void()>& done = {});

// Of a tensor [N, channels, …]; nothing for 0 channels.
std::vector<Extent> extents_by_channel(const Tensor& tensor, std::size_t channels);

struct ValueStatistics {
    Extent extent;                      // of every float activation
    Histogram histogram;                // of the values asked for
    std::vector<Extent> channels = {};  // of images asked for
};

struct Calibration {
    std::int64_t images = 0;
    std::vector<ValueStatistics> values;  // by ValueId
};

struct CalibrateOptions {
    std::vector<ValueId> by_channel = {};   // [N, C, H, W], whose channels' extents are wanted
    ParallelFor parallel_for = serial_for;  // over images
    std::function<void(std::int64_t done, std::int64_t total)> progress = {};
};

// Two passes over the images: extents of all float values, then histograms of `wanted`. Counts are integers and extents
// minima and maxima, so neither the order of the images nor the number of threads changes anything.
// Fails when the dataset is empty, and on NaN or infinite activations, naming the node.
Result<Calibration> calibrate(const Graph& graph, const std::vector<ValueId>& wanted, const Dataset& dataset,
                              const CalibrateOptions& options);

}  // namespace octet::quant
