#pragma once

// Dumps: the tensors that another program, a chip or octet-dump wrote. Files are hostile until checked; nothing larger
// than what the network's tensor can be is read.
//
//     FILE.npz      arrays by name; octet-dump's FILE.npz.json beside it is the manifest
//     a folder      .npy, .bin or .raw (bytes without a header), .txt (numbers); its manifest.json or index.json, or
//                   RKNN's map_name_to_file.txt in it or above it. Without them a file's name is the tensor's; it may
//                   end in type and layout: "c2_Concat.s8.nc1hwc2_16.bin", "x.u8.nchw.raw", "y.f32.nhwc.txt"
//
// A manifest is JSON: { "tensors": [ … ] } or the list alone, of objects with the keys
//
//     name         as the dump calls it                       onnx     its name in the model, or null
//     file, files  of the folder, or the array's name         op       the operator that made it
//     shape        as stored; shape_nchw, shape_nhwc          dtype    "int8" …, also for all of them beside "tensors"
//     layout       "nchw", "nhwc", "nc1hwc2", "nc4hw4"; the same        scale, zero_point    of integers

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compare/tensor_layout.h"
#include "frontends/npz.h"

namespace octet::compare {

// What is known of an array before it is read.
struct DumpEntry {
    std::string name;   // as the dump has it
    std::string onnx;   // in the model; empty: not said
    std::string op;     // the same
    std::string file;   // a path, or the array of the npz
    std::string where;  // for errors
    std::optional<DType> dtype;
    std::optional<Layout> layout;
    int block = 16;
    std::optional<Shape> shape;       // as stored
    std::optional<Shape> shape_nchw;  // of the tensor
    std::optional<double> scale;
    std::optional<int> zero_point;
};

struct DumpOptions {
    std::string path;      // an npz file or a folder
    std::string manifest;  // empty: the one beside it, where there is one
    std::string names;     // lines "DUMP'S NAME  MODEL'S NAME"; empty: none
    std::optional<Layout> layout;
    std::optional<DType> dtype;
    int block = 16;
};

class Dump {
  public:
    static Result<Dump> open(const DumpOptions& options);

    const std::string& path() const { return path_; }
    const std::vector<DumpEntry>& entries() const { return entries_; }
    // The array as stored, one dimension where the file says no shape. Of bytes without a type: uint8. One with more
    // than `most` elements is refused before it is read.
    Result<Tensor> load(const DumpEntry& entry, std::int64_t most) const;

  private:
    Result<void> read_manifest(const std::string& file);
    Result<void> read_rknn_map(const std::string& file);
    Result<void> list_folder();
    Result<void> read_names(const std::string& file);

    std::string path_;
    DumpOptions options_;
    std::shared_ptr<NpzReader> archive_;
    std::vector<DumpEntry> entries_;
};

// "c2_Concat.s8.nc1hwc2_16.bin": what the end of the name says; the rest is the tensor's.
DumpEntry entry_of_file(const std::string& file);

}  // namespace octet::compare
