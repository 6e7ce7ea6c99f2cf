#pragma once

// NumPy's .npy files, format versions 1.0 to 3.0:
//   "\x93NUMPY" major minor, header length (2 bytes, from version 2 on 4; little-endian), header
//   "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }", elements
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

#include "graph/ir/tensor.h"

namespace octet {

// C order and little-endian or one-byte elements of the types of base/dtype.h. Everything else, and a file that is
// longer or shorter than its header says, is an error that names the file.
Result<Tensor> load_npy(const std::string& path);
// The same from a stream of `size` bytes; `name` stands in errors.
Result<Tensor> read_npy(std::istream& stream, std::uintmax_t size, const std::string& name);

// Version 1.0, complete or not at all.
Result<void> save_npy(const Tensor& tensor, const std::string& path);
// What stands before the elements in such a file.
std::vector<std::uint8_t> npy_header(DType type, const Shape& shape);

}  // namespace octet
