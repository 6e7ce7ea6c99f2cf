#pragma once

#include "engine/backend.h"
#include "kernels/dispatch.h"

namespace octet::engine::cpu {

// The kernels of this CPU, at a level of instruction sets. Its arithmetic is fixed16 (kernels/requantize.h).
class CpuBackend final : public Backend {
  public:
    // observable: no form of an operator that skips a tensor of the program; the integers are the same.
    explicit CpuBackend(kernels::CpuFeatures features, bool observable = false)
        : features_(features), observable_(observable) {}

    std::string_view name() const override { return "cpu"; }
    std::optional<std::string> why_not(const QuantValue& value) const override;
    std::optional<std::string> why_not(const Op& op, const Program& program) const override;
    Result<std::shared_ptr<const Executable>> compile(Program program) const override;

  private:
    kernels::CpuFeatures features_;
    bool observable_;
};

}  // namespace octet::engine::cpu
