// A convolution by the arrays of a header that octet-dump --c-header wrote, in C, with gemmlowp's double rounding; the
// test puts the layer's name for n_ and N_. Exit code 0: every output is the header's.

#include "layer.h"
#include <stdio.h>
static int32_t high(int32_t a, int32_t b) { return (int32_t)(((int64_t)a * b + (1LL << 30)) >> 31); }
static int32_t pot(int32_t x, int k) { int32_t mask = (int32_t)((1LL << k) - 1), t = (mask >> 1) + (x < 0); return (x >> k) + ((x & mask) > t); }
int main(void) {
    int bad = 0, at = 0, group_in = N_INPUT_C / N_GROUPS;
    for (int y = 0; y < N_OUTPUT_H; ++y) for (int x = 0; x < N_OUTPUT_W; ++x) for (int o = 0; o < N_OUTPUT_C; ++o, ++at) {
        int32_t acc = n_bias[o];
        for (int ky = 0; ky < N_KERNEL_H; ++ky) for (int kx = 0; kx < N_KERNEL_W; ++kx) for (int i = 0; i < group_in; ++i) {
            int iy = y * N_STRIDE_H - N_PAD_TOP + ky, ix = x * N_STRIDE_W - N_PAD_LEFT + kx;
            if (iy < 0 || ix < 0 || iy >= N_INPUT_H || ix >= N_INPUT_W) continue;
            acc += (n_input[(iy * N_INPUT_W + ix) * N_INPUT_C + o / (N_OUTPUT_C / N_GROUPS) * group_in + i] - N_INPUT_ZERO_POINT)
                 * n_weights[((o * N_KERNEL_H + ky) * N_KERNEL_W + kx) * group_in + i];
        }
        int32_t v = pot(high(acc, n_multiplier[o]), -n_shift[o]) + N_OUTPUT_ZERO_POINT;
        v = v < N_OUTPUT_MIN ? N_OUTPUT_MIN : v > N_OUTPUT_MAX ? N_OUTPUT_MAX : v;
        bad += v != n_output[at];
    }
    printf("%d of %d\n", bad, at);
    return bad != 0 || at == 0;
}
