#include "kernels/sigmoid_rows.h"

namespace octet::kernels {

void sigmoid_s16_f32_avx2(const SigmoidCall& call, int row_begin, int row_end) noexcept {
    sigmoid_rows(call, row_begin, row_end);
}

}  // namespace octet::kernels
