#include "engine/integer_steps.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <numeric>

#include "graph/ops/evaluator.h"
#include "kernels/batchnorm.h"
#include "kernels/concat.h"
#include "kernels/dequantize.h"
#include "kernels/detect_decode.h"
#include "kernels/lut.h"
#include "kernels/maxpool.h"
#include "kernels/quantize.h"
#include "kernels/resize_nearest.h"
#include "kernels/sigmoid.h"

namespace octet::engine {
namespace {

using kernels::Isa;

// Zero point of the uint8 plane that holds a tensor of this grid: int8 tensors are kept with 128 added.
int plane_zero_point(const QuantGrid& grid) { return grid.dtype == DType::int8 ? grid.zero_point + 128 : grid.zero_point; }

kernels::Grid kernel_grid(const QuantGrid& grid) { return {grid.scale, plane_zero_point(grid)}; }

// f of a grid 2^-f.
int fraction_bits(const QuantGrid& grid) {
    int exponent = 0;
    std::frexp(grid.scale, &exponent);
    return 1 - exponent;
}

struct AlignedDelete {
    void operator()(std::byte* p) const { ::operator delete(p, std::align_val_t(kernels::buffer_alignment)); }
};
using AlignedBytes = std::unique_ptr<std::byte[], AlignedDelete>;
AlignedBytes aligned_bytes(std::size_t size) {
    return AlignedBytes(static_cast<std::byte*>(::operator new(size, std::align_val_t(kernels::buffer_alignment))));
}

// Chunks for `units` of work: small enough to balance, large enough not to be all overhead.
std::int64_t grain_of(std::int64_t units, const ThreadPool& pool) {
    return std::max<std::int64_t>(1, units / (std::int64_t{pool.size()} * 6));
}

// A kernel that works on output rows, on views that are made at every run.
template <typename MakeCall, typename Function>
class RowStep final : public Step {
  public:
    RowStep(std::string name, const kernels::KernelEntry<Function>& entry, Arithmetic arithmetic, int rows,
            std::vector<PlaneRef> planes, MakeCall make_call)
        : Step(std::move(name), entry.name, arithmetic, 0),
          run_(entry.run),
          rows_(rows),
          planes_(std::move(planes)),
          make_call_(std::move(make_call)) {}

    Result<void> run(RunState& state) const override {
        const auto call = make_call_(state);
        state.pool->run(rows_, grain_of(rows_, *state.pool), [&](std::int64_t begin, std::int64_t end, int) {
            run_(call, static_cast<int>(begin), static_cast<int>(end));
        });
        return {};
    }
    std::vector<PlaneRef> planes() const override { return planes_; }

  private:
    Function* run_;
    int rows_;
    std::vector<PlaneRef> planes_;
    MakeCall make_call_;
};

template <typename Function, typename MakeCall>
std::unique_ptr<Step> row_step(std::string name, const kernels::KernelEntry<Function>& entry, int rows,
                               std::vector<PlaneRef> planes, MakeCall make_call,
                               Arithmetic arithmetic = Arithmetic::integer) {
    return std::make_unique<RowStep<MakeCall, Function>>(std::move(name), entry, arithmetic, rows, std::move(planes),
                                                         std::move(make_call));
}

class ConvStep final : public Step {
  public:
    ConvStep(const ConvSpec& spec, const kernels::ConvKernel& kernel, kernels::Fixed16Storage epilogue)
        : Step(spec.name, kernel.name, Arithmetic::integer, spec.macs),
          kernel_(kernel),
          params_(spec.params),
          epilogue_(std::move(epilogue)),
          in_(spec.in),
          out_(spec.out),
          residual_(spec.residual),
          packed_size_(kernel.packed_bytes(spec.params)),
          packed_(aligned_bytes(packed_size_)) {
        kernel.pack(spec.params, spec.weights.data(), packed_.get());
    }

    Result<void> run(RunState& state) const override {
        const kernels::ConvCall call = make_call(state);
        const int units = kernel_.units(call);
        state.pool->run(units, grain_of(units, *state.pool), [&](std::int64_t begin, std::int64_t end, int thread) {
            kernel_.run(call, static_cast<int>(begin), static_cast<int>(end),
                        state.scratch[static_cast<std::size_t>(thread)]);
        });
        return {};
    }

    std::vector<PlaneRef> planes() const override {
        std::vector<PlaneRef> planes = {in_, out_};
        if (residual_.plane >= 0) planes.push_back(residual_);
        return planes;
    }
    std::size_t constant_bytes() const override { return packed_size_; }

    // The call on a state that has planes but no memory: enough to ask the kernel how much scratch it wants.
    std::size_t scratch_for(const std::vector<Plane>& planes) const {
        std::byte dummy{};
        RunState state;
        state.arena = &dummy;
        state.planes = &planes;
        return kernel_.scratch_bytes(make_call(state));
    }

  private:
    kernels::ConvCall make_call(const RunState& state) const {
        kernels::ConvCall call;
        call.params = params_;
        call.packed = packed_.get();
        call.in = state.view<std::uint8_t>(in_).as_const();
        call.epilogue = epilogue_.view();
        if (call.epilogue.output == kernels::OutputKind::u8) {
            call.out_u8 = state.view<std::uint8_t>(out_);
        } else {
            call.out_s16 = state.view<std::int16_t>(out_);
        }
        if (residual_.plane >= 0) call.residual = state.view<std::uint8_t>(residual_).as_const();
        return call;
    }

    const kernels::ConvKernel& kernel_;
    kernels::ConvParams params_;
    kernels::Fixed16Storage epilogue_;
    PlaneRef in_, out_, residual_;
    std::size_t packed_size_;
    AlignedBytes packed_;
};

}  // namespace octet::engine
