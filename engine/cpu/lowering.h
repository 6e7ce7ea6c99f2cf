#pragma once

// Program → plan: what each tensor lies in, and the kernels in order.

#include <memory>

#include "engine/cpu/plan.h"

namespace octet::engine::cpu {

// Of a program whose operators CpuBackend takes. observable: every tensor of the program is made.
Result<std::shared_ptr<const Plan>> make_plan(Program program, kernels::CpuFeatures features, bool observable);

}  // namespace octet::engine::cpu
