#include "kernels/gemm_f32.h"

#include <memory>
#include <new>

namespace octet::kernels {

namespace {

struct AlignedDelete {
    void operator()(float* p) const { ::operator delete[](p, std::align_val_t{64}); }
};

}  // namespace

void gemm_f32(const GemmF32Call& call) {
    static const KernelEntry<GemmF32Function>& kernel = select(gemm_f32_kernels(), choose_isa().value_or(best_isa()));
    thread_local std::unique_ptr<float[], AlignedDelete> scratch(
        new (std::align_val_t{64}) float[gemm_f32_scratch_floats]);
    kernel.run(call, scratch.get());
}

}  // namespace octet::kernels
