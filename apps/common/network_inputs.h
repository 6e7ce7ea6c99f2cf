#pragma once

// What a network is run on: files, and random numbers for the inputs that have none.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/program.h"
#include "graph/ir/tensor.h"

namespace octet::apps {

struct InputOptions {
    std::vector<std::string> files;  // NAME=FILE.npy
    std::uint64_t seed = 0;
};

// --input NAME=FILE.npy, which may be repeated, and --seed.
void add_input_options(CLI::App& app, InputOptions& options);
// Appends the files that are read.
Result<void> add_input_files(const InputOptions& options, std::vector<std::string>& files);

// One tensor a port, in their order. Random floats are uniform in [-1, 1), 8- and 16-bit integers take their whole
// range, wider ones 0 to 9; the same seed gives the same numbers on every machine. `model` stands in errors.
Result<std::vector<Tensor>> make_inputs(const std::vector<engine::Port>& ports, const InputOptions& options,
                                        const std::string& model);

}  // namespace octet::apps
