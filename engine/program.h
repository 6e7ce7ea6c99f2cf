#pragma once

// A network as integers: typed operators over named quantized tensors, made from a graph once (recognize.h) and read by
// every backend. It says what has to be computed, and nothing of memory layouts, instruction sets or packing.
//
// Quantized tensors have a grid and, where an operator speaks of channels, rows and columns, shapes [n, c, h, w]. Float
// tensors are known by the ids of the graph that the program was made from. What no integer operator computes is a
// FloatOp: its operator's reference (graph/ops), with the reason.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/grid.h"
#include "graph/ir/graph.h"
#include "kernels/piecewise.h"
#include "kernels/requantize.h"
#include "kernels/resize_linear.h"

namespace octet::engine {

enum class QuantId : std::int32_t {};  // which of Program::values
inline constexpr QuantId no_quant{-1};
constexpr std::size_t index_of(QuantId id) {
    return static_cast<std::size_t>(id);
}

struct QuantValue {
    std::string name;            // of the real-valued tensor that the file rounds
    std::string quantized_name;  // of the integers in the file
    Shape shape;
    Grid grid;
    std::int64_t images = 1;  // shape[0] where that is the network's batch
};

// A quantized tensor as its consumer's DequantizeLinear reads it.
struct Operand {
    QuantId id = no_quant;
    Grid grid;
    std::vector<int> channel_zero_points;  // not empty only for pixels: a zero point for each channel, on uint8

    // Both are read alike.
    bool same_grid(const Grid& other) const { return channel_zero_points.empty() && grid == other; }
};

struct ActivationSpec {
    kernels::Activation kind = kernels::Activation::none;
    double alpha = 0;                   // leaky
    std::vector<double> channel_alpha;  // prelu
    double clip_lo = 0, clip_hi = 0;    // clip; may be infinite
    // table: any unary operators in a row, and what they come to.
    kernels::RealFunction function;
    std::string function_name;  // "Swish"
    // table: gate(x) where function(x) = x * gate(x), as make_fixed16.h wants it, and what multiplies the function; may
    // be empty.
    kernels::RealFunction gate;
    std::vector<double> channel_gain;
};

// How a kernel slides over an image.
struct Window {
    int kernel_h = 1, kernel_w = 1;
    int stride_h = 1, stride_w = 1;
    int pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
    int dilation_h = 1, dilation_w = 1;

    friend bool operator==(const Window&, const Window&) = default;
};

// y = activation(conv(x, weights) + bias) + residual, and rectified where it says so. Dense: x is [..., cin], y [..., cout] and the window one pixel.
struct ConvOp {
    Operand x;
    QuantId y = no_quant;
    std::optional<Operand> residual;
    Window window;
    int groups = 1;
    bool dense = false;
    Tensor weights;                     // int8 [cout, cin / groups, kernel_h, kernel_w], zero point 0
    std::vector<double> weight_scales;  // one an output channel
    std::vector<double> bias;           // real values, one an output channel; empty: none
    // The bias as the file has it, where that is on the accumulator's scale x * weight; else empty.
    std::vector<std::int32_t> integer_bias;
    ActivationSpec activation;
    bool relu_behind_residual = false;
};

// y = activation(x * gain[c] + bias[c])
struct BatchNormOp {
    Operand x;
    QuantId y = no_quant;
    std::vector<double> gain, bias;
    // gain[c] = weights[c] * weight_scale where the file has int8 gains of one scale; else empty.
    std::vector<std::int8_t> weights;
    double weight_scale = 0;
    ActivationSpec activation;
};

// y = activation(a + b), or a - b: none, relu or leaky. The smaller of the two is repeated as ONNX does.
struct AddOp {
    Operand a, b;
    QuantId y = no_quant;
    ActivationSpec activation;
    bool subtract = false;
};

// y = activation(a * b), repeated likewise.
struct MulOp {
    Operand a, b;
    QuantId y = no_quant;
    ActivationSpec activation;
};

// One behind the other along an axis, the channels' is 1; each input is brought onto y's grid.
struct ConcatOp {
    std::vector<Operand> x;
    QuantId y = no_quant;
    int axis = 1;
};

struct MaxPoolOp {
    Operand x;
    QuantId y = no_quant;
    Window window;
};

// The mean of each window, of its pixels inside the image alone or with the padding counted.
struct AveragePoolOp {
    Operand x;
    QuantId y = no_quant;
    Window window;
    bool counts_padding = false;
    bool reduces = false;  // of a ReduceMean, which runtimes round in another way than a pool
};

// y[n, c, i, j] = x[n, c, source_y[i], source_x[j]].
struct ResizeOp {
    Operand x;
    QuantId y = no_quant;
    std::vector<std::int32_t> source_y, source_x;
    bool doubles = false;         // 2x2 copies of each pixel
    bool asymmetric = false;      // the sources are those of pixel corners
    bool aligns_corners = false;  // the sources of the outermost pixels are the outermost
};

// y[n, c, i, j] = the mean of x[n, c, rows[i], columns[j]], two of each, by their weights.
struct ResizeLinearOp {
    Operand x;
    QuantId y = no_quant;
    std::vector<kernels::LinearTap> rows, columns;
};

// Values of x in another order or shape, some of them, or padded with 0: Slice, Pad, Reshape, Transpose … of integers.
struct MoveOp {
    Operand x;
    QuantId y = no_quant;
    Node node;
    std::vector<std::optional<Tensor>> parameters;  // node.inputs from the second on
    std::size_t output = 0;                         // which of node.outputs y is
};

// One operator of a TableOp.
struct UnaryStep {
    std::string op;                   // as the graph names it
    double alpha = 0;                 // LeakyRelu
    double clip_lo = 0, clip_hi = 0;  // Clip
    // Add, Sub, Mul … with one integer that the file has: the other operand's grid and value, and whether it stands
    // first.
    std::optional<Grid> other = std::nullopt;
    std::int32_t other_value = 0;
    bool other_first = false;
};

// y = table[x] over stored bytes: unary operators in a row, evaluated in float for each of the 256 integers. The index
// is x's byte as an unsigned number, int8 with 128 added, and so is the entry.
struct TableOp {
    Operand x;
    QuantId y = no_quant;
    std::array<std::uint8_t, 256> table{};
    std::vector<UnaryStep> steps;  // none: from one grid to another
};

// The network's input or output as integers of the file's type.
struct InputOp {
    ValueId x = no_value;
    QuantId y = no_quant;
};
struct OutputOp {
    Operand x;
    ValueId y = no_value;
};

// The network's input as uint8 pixels, which may be given as such; a float image becomes x * gain[c] + offset[c], which
// undoes the normalization, and is rounded.
struct PixelsOp {
    ValueId x = no_value;
    QuantId y = no_quant;
    std::vector<float> gain, offset;
};

// Float to integers and back. `border`: the network begins or ends here, so that integers could not be had.
struct QuantizeOp {
    ValueId x = no_value;
    QuantId y = no_quant;
    bool border = false;
};
struct DequantizeOp {
    Operand x;
    ValueId y = no_value;
    bool border = false;
};

// Of int16 logits, the result to float; with block > 1 through a DepthToSpace of that block size, mode CRD.
struct SigmoidOp {
    Operand x;
    ValueId y = no_value;
    int block = 1;
    bool border = false;
};

// YOLO box decode of int16 logits (graph/ops/op_list.h: Detect), the result to float.
struct DetectOp {
    std::vector<Operand> levels;
    std::vector<int> strides;                  // pixels, one a level
    std::vector<std::vector<double>> anchors;  // width and height of each in pixels, a list a level
    int classes = 0;
    double box_scale = 1;
    ValueId y = no_value;
    bool border = false;
};

struct FloatOp {
    Node node;
    std::string reason;
    bool quantized = false;  // in the file it stands between integers
};

struct Op {
    std::string name;                // of the node that it computes
    std::vector<std::string> nodes;  // all that it computes, in order: "Conv_3", "Relu_4", "Add_9"
    std::int64_t macs = 0;
    std::variant<ConvOp, BatchNormOp, AddOp, MulOp, ConcatOp, MaxPoolOp, AveragePoolOp, ResizeOp, ResizeLinearOp,
                 MoveOp, TableOp, PixelsOp, QuantizeOp, DequantizeOp, InputOp, OutputOp, SigmoidOp, DetectOp, FloatOp>
        form;
};

// "Conv", "Table" …; of a FloatOp its operator.
std::string kind_of(const Op& op);
std::vector<Operand*> operands(Op& op);
std::vector<const Operand*> operands(const Op& op);
QuantId written(const Op& op);                       // no_quant: none
std::vector<ValueId> tensors_read(const Op& op);     // float tensors; no_value where a FloatOp's input is omitted
std::vector<ValueId> tensors_written(const Op& op);  // the same

struct Port {
    std::string name;
    DType dtype = DType::float32;
    Shape shape;
    ValueId value = no_value;
    bool accepts_pixels = false;  // may be given as uint8 pixels [n, h, w, c]
};

struct FloatTensor {
    std::string name;
    DType dtype = DType::float32;
    Shape shape;
};

struct FloatLayer {
    std::string name, op, reason;
};

struct Program {
    std::vector<Port> inputs, outputs;
    std::map<std::string, std::string> metadata;
    std::vector<QuantValue> values;
    std::vector<FloatTensor> tensors;     // by ValueId; empty where the graph has none
    std::map<ValueId, Tensor> constants;  // that float operators read, or that are outputs
    std::vector<Op> ops;                  // in order of execution

    // The operators that stand between integers in the file but run in float.
    std::vector<FloatLayer> float_layers() const;
    // Names of all that computes in float between the network's borders; empty: integers only.
    std::vector<std::string> float_seams() const;
};

// One line an operator, for people: what it computes, with grids and shapes, and why where it runs in float.
std::string to_text(const Program& program);

}  // namespace octet::engine
