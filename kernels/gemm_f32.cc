#include "kernels/gemm_f32.h"

#include <memory>
#include <new>

namespace octet::kernels {

namespace {

struct AlignedDelete {
    void operator()(float* p) const { ::operator delete[](p, std::align_val_t{64}); }
};

}  // namespace

void gemm_f32(const GemmF32Call& call, CpuFeatures features) {
    thread_local std::unique_ptr<float[], AlignedDelete> scratch(
        new (std::align_val_t{64}) float[gemm_f32_scratch_floats]);
    select(gemm_f32_kernels(), features).run(call, scratch.get());
}

}  // namespace octet::kernels
