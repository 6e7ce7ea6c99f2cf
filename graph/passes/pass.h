#pragma once

// Rewrites of the graph. Each is a file of this folder, returns how many places it changed, and keeps the float output.
// They expect a graph with inferred shapes. None touches a node whose operands come out of DequantizeLinear in a way
// that would change an integer: a quantized model keeps its grids.

#include <string_view>

#include "graph/ir/graph.h"

namespace octet {

int fold_constants(Graph& graph);     // nodes whose inputs are all constant become constants; Shape of a known shape
int remove_identities(Graph& graph);  // Identity, Cast to the same type, Dropout, Reshape to the same shape …
int eliminate_dead(Graph& graph);     // nodes that no output depends on
int fuse_hardswish(Graph& graph);  // Add 3 → Clip(0,6) → Mul x → Div 6 (and kin), HardSigmoid·Mul → HardSwish
int fuse_swish(Graph& graph);      // Mul of x and Sigmoid of x → Swish
int fold_batchnorm(Graph& graph);  // BatchNormalization into the convolution before it
int fold_affine(Graph& graph);     // Mul, Div, Add, Sub by a constant a channel into the convolution before it
int fold_batchnorm_concat(Graph& graph);    // BatchNormalization through a Concat into the convolutions before that
int fuse_focus(Graph& graph);               // four strided Slices + Concat, SpaceToDepth + Gather … → Focus
int focus_to_conv(Graph& graph);            // Focus + Conv k×k → Conv 2k×2k with stride 2
int fuse_detect(Graph& graph);              // the YOLO box decode, down to the Concat of the levels → Detect
int commute_conv_resize(Graph& graph);      // 1×1 Conv and elementwise operators move before the nearest upsampling
int upsample_conv_to_phases(Graph& graph);  // 3×3 Conv with few channels behind ×2 nearest upsampling → DepthToSpace
int wrap_integer_moves(Graph& graph);  // MaxPool, Reshape … of integers → between DequantizeLinear and QuantizeLinear
int maxpool_cascade(Graph& graph);     // MaxPool 5, 9, 13 of one tensor → 5, 5∘5, 5∘5∘5

// QuantizeLinear behind an operator that only moves values → in front of it. What comes out of a DequantizeLinear
// already is left alone where `requantizes` is false: the operator then stands between two grids.
int hoist_quantize(Graph& graph, bool requantizes = true);

struct Pass {
    std::string_view name;
    int (*run)(Graph&);
};

struct OptimizeOptions {
    bool fold_batchnorm_concat = true;  // off: the per-tensor BatchNormalization stays an operator of its own
    bool focus_to_conv = false;
    bool commute_conv_resize = false;
    bool upsample_conv_to_phases = false;
    bool maxpool_cascade = false;
};

// Runs the passes to a fixed point, with inference and verify() after each that changed something, then compacts the
// graph: ids of before are void. An error names the pass.
Result<void> optimize(Graph& graph, const OptimizeOptions& options = {});

}  // namespace octet
