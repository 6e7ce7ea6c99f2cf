#pragma once

// What a user is told of layers that a file quantizes and that run in float, which is slow.

#include <string>
#include <vector>

#include "apps/common/table.h"
#include "engine/program.h"

namespace octet::apps {

// One line on stderr where there are such layers: how many, the first names, and how to learn why.
void print_float_notice(const std::string& program, const std::string& model, const engine::Program& network);

// A row a layer: name, operator, reason.
Table float_layer_table(const std::vector<engine::FloatLayer>& layers);

}  // namespace octet::apps
