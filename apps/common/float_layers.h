#pragma once

// What a user is told of layers that a file quantizes and that run in float, which is slow.

#include <string>
#include <vector>

#include "apps/common/table.h"
#include "engine/backend.h"
#include "engine/program.h"

namespace octet::apps {

// One line on stderr where there are such layers: how many, the first names, and how to learn why.
void print_float_notice(const std::string& program, const std::string& model, const engine::Program& network);

// A row a layer: name, operator, reason.
Table float_layer_table(const std::vector<engine::FloatLayer>& layers);

// A line on stderr where the backend computes something in another form than the file has it.
void print_rewrites(const std::string& program, const engine::Executable& executable);

}  // namespace octet::apps
