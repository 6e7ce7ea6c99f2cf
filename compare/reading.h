#pragma once

// How the bytes of a dump stand for a tensor of the network: order of the elements, signedness, order of the bytes,
// scaling.

#include <optional>
#include <string>
#include <vector>

#include "base/grid.h"
#include "compare/dump.h"
#include "compare/tensor_layout.h"

namespace octet::compare {

enum class Scaling {
    integers,  // as they are
    flipped,   // integers 128 apart: u8 = s8 + 128
    real,      // scale * (q - zero point)
    stored,    // q as a float
    centred,   // q - zero point
};

struct Reading {
    Layout layout = Layout::nchw;
    int block = 16;
    bool swapped = false;  // the bytes of an element
    bool turned = false;   // rows are columns
    Scaling scaling = Scaling::integers;

    friend bool operator==(const Reading&, const Reading&) = default;
};

// "s8 values, NHWC" and so on, for people; `id` as causes have it.
std::string words(const Reading& reading);

// The network's tensor: of grid's type, [n, c, h, w]; of float tensors without a grid float32. Fails where the dump's
// array cannot be that.
Result<Tensor> read_as(const Tensor& stored, const Reading& reading, const Grid* grid, const Shape& nchw);

// What an entry's manifest, file name and shape say. `certain` where they leave nothing open.
struct Declared {
    Reading reading;
    bool certain = true;
};
// Fails where they contradict the tensor of the network: another number of elements, a scale or zero point of
// another grid. `usual`: the layout of a tensor whose shape tells nothing.
Result<Declared> declared_reading(const DumpEntry& entry, const Tensor& stored, const Grid* grid, const Shape& nchw,
                                  std::optional<Layout> usual);
// Every reading that the number of elements and their type allow, the likely ones first.
std::vector<Reading> possible_readings(const Tensor& stored, const Grid* grid, const Shape& nchw);

// The cause that an array is if it is right in `actual` and wrong in `declared`: id and words.
struct FormCause {
    std::string id, text;
};
FormCause form_cause(const Reading& declared, const Reading& actual);

}  // namespace octet::compare
