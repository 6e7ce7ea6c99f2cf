#pragma once

// Executes programs in the arithmetic of a profile: integer for integer what such a runtime or chip computes.
//
// What has no rule in the profile is refused, unless the profile runs it in float. What the profile's hardware has in
// another form is rewritten (rewrite.h) and said.

#include <memory>

#include "engine/backend.h"
#include "engine/npu_emu/profile.h"
#include "kernels/cpu.h"

namespace octet::engine::npu_emu {

class NpuBackend final : public Backend {
  public:
    NpuBackend(Profile profile, kernels::CpuFeatures features) : profile_(std::move(profile)), features_(features) {}

    std::string_view name() const override { return "npu-emu"; }
    std::optional<std::string> why_not(const QuantValue& value) const override;
    std::optional<std::string> why_not(const Op& op, const Program& program) const override;
    bool requantizes_before_moves() const override { return is_octets(); }
    // Errors list every node that the profile cannot run, with the reason and what to do.
    Result<std::shared_ptr<const Executable>> compile(Program program) const override;

  private:
    // The cpu backend's arithmetic has that backend's conditions.
    bool is_octets() const { return profile_.rule("conv") == "fixed16"; }

    Profile profile_;
    kernels::CpuFeatures features_;
};

}  // namespace octet::engine::npu_emu
