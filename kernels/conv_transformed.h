#pragma once

// Convolution as products of transformed tiles, shared by its forms (conv_winograd.h, conv_upsampled.h) and by the
// instruction sets:
//
//     V = the input under a tile of outputs, transformed      U = a filter, transformed      one number for each point
//     Y = the sums over the channels of U * V, point by point, transformed back
//
// U and V are int16, sums int32 and wrap modulo 2^32. A batch of T neighbouring tiles is one unit of work, or several
// that share out the blocks of output channels:
//
//     V        [points][T][cin rounded up] int16, in scratch
//     weights  [block][points][cin / P rounded up][vector][lane][P] int16, lanes as in conv_direct.h
//     sums     [points][T][vector][lane] int32, in scratch, one block at a time
//
// Form: refuses(p, weights, lanes, folds); points, side (of a tile of outputs); channels(p), of the pixels that are transformed; weight(p, filter, y, x,
// i) of a 3x3 filter over those channels; filter(g, u); input<Arch>, output<Arch, vectors>.
// Arch: lanes, I16 (a vector of 2 * lanes int16), I32, load_u8, Epilogue<vectors>, store_rows<vectors>, folds and
// divide_by_576 for conv_winograd.h; Products: Vector, max_tiles, interleaved (P), depth (cin is rounded up to a multiple
// of it), and broadcast of a pair of int16 with multiply_add, or sums<vectors, tiles> of its own.
//
// Everything is in an unnamed namespace on purpose: each instruction set's file compiles a private copy.

#include <cstddef>
#include <cstdint>

#include "kernels/conv_direct.h"

namespace octet::kernels {
namespace {

// Transformed pixels of a batch, so that they, one block's sums and its weights stay in a second-level cache of 1 MiB.
constexpr std::int64_t transformed_batch_bytes = 512 * 1024;
constexpr int transformed_largest_batch = 2016;  // tiles times points
// Units of work come in multiples of this, for threads to finish together.
constexpr int transformed_even_units = 4;

struct TransformedPlan {
    int tiles_x, tiles, batch, batches;  // tiles of the plane, of a batch
    int padded_cin, steps, blocks;
    int shares;                // units of a batch
    std::int64_t point_bytes;  // between V's planes
};

// Where a tile lies in the plane of tiles; the next one without a division.
struct TileAt {
    int y, x;

    OCTET_INLINE TileAt(const TransformedPlan& plan, int tile) : y(tile / plan.tiles_x), x(tile % plan.tiles_x) {}
    OCTET_INLINE void next(const TransformedPlan& plan) {
        if (++x == plan.tiles_x) {
            x = 0;
            ++y;
        }
    }
};

template <typename Form>
TransformedPlan transformed_plan(const ConvCall& call, int lanes) {
    TransformedPlan plan{};
    const ConvParams& p = call.params;
    plan.tiles_x = (call.out_w() + Form::side - 1) / Form::side;
    plan.tiles = plan.tiles_x * ((call.out_h() + Form::side - 1) / Form::side);
    plan.padded_cin = static_cast<int>(conv_round_up(Form::channels(p), 2 * lanes));
    const std::int64_t fitting = transformed_batch_bytes / (Form::points * 2 * plan.padded_cin);
    constexpr int largest = transformed_largest_batch / Form::points;
    const std::int64_t target = fitting < 8 ? 8 : fitting > largest ? largest : fitting;
    plan.batches = static_cast<int>((plan.tiles + target - 1) / target);
    if (plan.batches > 2) plan.batches = static_cast<int>(conv_round_up(plan.batches, transformed_even_units));
    plan.batch = (plan.tiles + plan.batches - 1) / plan.batches;
    plan.batches = (plan.tiles + plan.batch - 1) / plan.batch;
    plan.steps = (Form::channels(p) + 1) / 2;
    plan.blocks = conv_blocks(p, lanes);
    const int shares = plan.batches < transformed_even_units ? transformed_even_units / plan.batches : 1;
    plan.shares = shares < plan.blocks ? shares : plan.blocks;
    // One cache line more than needed: the planes of the points start in different sets.
    plan.point_bytes = std::int64_t{plan.batch} * plan.padded_cin * 2 + 64;
    return plan;
}

OCTET_INLINE std::int64_t transformed_sum_bytes(const TransformedPlan& plan, int lanes) {
    return std::int64_t{plan.batch} * 2 * lanes * 4 + 64;
}

// Weights of one point and block.
template <typename Form, typename Products>
std::int64_t transformed_point_weights(const ConvParams& p, int vectors, int lanes) {
    return conv_round_up(Form::channels(p), Products::depth) * vectors * lanes;
}

template <typename Form, typename Products>
void transformed_pack(const ConvParams& p, const std::int8_t* weights, int lanes, std::int16_t* packed) {
    constexpr int interleaved = Products::interleaved;
    const int cin = Form::channels(p);
    for (int b = 0; b < conv_blocks(p, lanes); ++b) {
        const int first = b * 2 * lanes, channels = p.cout - first < 2 * lanes ? p.cout - first : 2 * lanes;
        const int vectors = conv_block_vectors(channels, lanes);
        std::int16_t* block = packed + b * Form::points * transformed_point_weights<Form, Products>(p, 2, lanes);
        const std::int64_t point_stride = transformed_point_weights<Form, Products>(p, vectors, lanes);
        // Lanes innermost: at each point they lie side by side, while points are far apart.
        for (int i = 0; i < conv_round_up(cin, Products::depth); i += interleaved) {
            for (int at = 0; at < vectors * lanes; ++at) {
                const int o = conv_lane_channel(vectors, at / lanes, at % lanes);
                const std::int8_t* filter = weights + std::int64_t{first + o} * p.kernel_h * p.kernel_w * p.cin;
                std::int16_t u[interleaved][Form::points] = {};
                for (int k = 0; k < interleaved && o < channels && i + k < cin; ++k)
                    Form::filter([&](int y, int x) { return int{Form::weight(p, filter, y, x, i + k)}; }, u[k]);
                std::int16_t* out = block + (std::int64_t{i} / interleaved * vectors * lanes + at) * interleaved;
                for (int point = 0; point < Form::points; ++point) {
                    for (int k = 0; k < interleaved; ++k) out[point * point_stride + k] = u[k][point];
                }
            }
        }
    }
}

// Sums over the channels at one point: `tiles` tiles x a block's channels. ahead: what is fetched into the cache
// meanwhile, ahead_step bytes for each step: weights come from memory too fast for the tiles of small registers.
template <typename Products, int vectors, int tiles>
__attribute__((noinline)) void transformed_sums(const std::byte* transformed, std::int64_t tile_bytes, int steps,
                                                const std::int16_t* weights, const std::byte* ahead,
                                                std::int64_t ahead_step, std::byte* result) {
    using Vector = typename Products::Vector;
    Vector acc[tiles][vectors];
#pragma GCC unroll 16
    for (int t = 0; t < tiles; ++t) {
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) acc[t][v] = Vector{};
    }
    const auto* w = reinterpret_cast<const Vector*>(weights);
    const std::int64_t tile_bytes3 = 3 * tile_bytes;
    // One pointer for four tiles: x86 addresses the others with 1, 2 and 3 times the stride.
    const std::byte* quad[(tiles + 3) / 4];
#pragma GCC unroll 4
    for (int q = 0; q < (tiles + 3) / 4; ++q) quad[q] = transformed + 4 * q * tile_bytes;
    for (int step = 0; step < steps; ++step, w += vectors, ahead += ahead_step) {
        __builtin_prefetch(ahead);
        Vector block[vectors];
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) block[v] = w[v];
#pragma GCC unroll 16
        for (int t = 0; t < tiles; ++t) {
            const std::byte* base = quad[t / 4];
            std::int32_t pair;
            __builtin_memcpy(&pair, t % 4 == 3 ? base + tile_bytes3 : base + t % 4 * tile_bytes, 4);
            const Vector input = Products::broadcast(pair);
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) Products::multiply_add(acc[t][v], input, block[v]);
        }
#pragma GCC unroll 4
        for (int q = 0; q < (tiles + 3) / 4; ++q) quad[q] += 4;
    }
    auto* out = reinterpret_cast<Vector*>(result);
#pragma GCC unroll 16
    for (int t = 0; t < tiles; ++t) {
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) out[t * vectors + v] = acc[t][v];
    }
}

// The same for a number of tiles that is known only here.
template <typename Products, int vectors, int tiles = Products::max_tiles>
void transformed_sums_of(int count, const std::byte* transformed, std::int64_t tile_bytes, int steps,
                         const std::int16_t* weights, const std::byte* ahead, std::int64_t ahead_step,
                         std::byte* result) {
    if constexpr (tiles > 1) {
        if (count < tiles) {
            return transformed_sums_of<Products, vectors, tiles - 1>(count, transformed, tile_bytes, steps, weights,
                                                                     ahead, ahead_step, result);
        }
    }
    if constexpr (requires { Products::template sums<vectors, tiles>(transformed, tile_bytes, 0, weights, result); }) {
        Products::template sums<vectors, tiles>(transformed, tile_bytes, 2 * steps, weights, result);
    } else {
        transformed_sums<Products, vectors, tiles>(transformed, tile_bytes, steps, weights, ahead, ahead_step, result);
    }
}

// Tiles [first, first + count).
template <typename Arch, typename Form, int vectors>
void transformed_block(const ConvCall& call, const TransformedPlan& plan, int first_channel, int first, int count,
                       const std::int16_t* weights, const std::byte* transformed, std::byte* sums) {
    constexpr std::int64_t tile_sums = std::int64_t{vectors} * Arch::lanes * 4;
    const std::int64_t tile_bytes = std::int64_t{plan.padded_cin} * 2,
                       sum_bytes = transformed_sum_bytes(plan, Arch::lanes);
    const int all_parts = (count + Arch::Products::max_tiles - 1) / Arch::Products::max_tiles;
    // The weights of the next point, a part of them during each part of the tiles.
    const std::int64_t weights_bytes =
        transformed_point_weights<Form, typename Arch::Products>(call.params, vectors, Arch::lanes) * 2;
    const std::int64_t ahead_step = (tile_sums + all_parts - 1) / all_parts;
    for (int point = 0; point < Form::points; ++point) {
        const std::byte* ahead = reinterpret_cast<const std::byte*>(weights) + weights_bytes;
        int parts = all_parts;
        for (int t = 0; t < count; --parts) {
            const int n = (count - t + parts - 1) / parts;
            transformed_sums_of<typename Arch::Products, vectors>(
                n, transformed + point * plan.point_bytes + t * tile_bytes, tile_bytes, plan.steps, weights, ahead,
                ahead_step, sums + point * sum_bytes + t * tile_sums);
            t += n;
            ahead += ahead_step * plan.steps;
        }
        weights += weights_bytes / 2;
    }
    ConvRow row = {&call, {}, nullptr, nullptr, 0, 0, {1, Arch::lanes}};
    const typename Arch::template Epilogue<vectors> epilogue(row, first_channel);
    Form::template output<Arch, vectors>(row, plan, epilogue, first, count, sums, sum_bytes);
}

// Unit u: share u % shares of the blocks, of batch u / shares.
template <typename Arch, typename Form>
void transformed_run(const ConvCall& call, int unit_begin, int unit_end, std::byte* scratch) {
    const TransformedPlan plan = transformed_plan<Form>(call, Arch::lanes);
    const auto* packed = reinterpret_cast<const std::int16_t*>(call.packed);
    std::byte* sums = scratch + conv_round_up(Form::points * plan.point_bytes, 64);
    int transformed = -1;
    for (int unit = unit_begin; unit < unit_end; ++unit) {
        const int batch = unit / plan.shares, share = unit % plan.shares;
        const int first = batch * plan.batch;
        const int count = plan.tiles - first < plan.batch ? plan.tiles - first : plan.batch;
        if (transformed != batch) Form::template input<Arch>(call, plan, first, count, scratch);
        transformed = batch;
        for (int b = plan.blocks * share / plan.shares; b < plan.blocks * (share + 1) / plan.shares; ++b) {
            const int channel = b * 2 * Arch::lanes;
            const std::int16_t* weights =
                packed + b * Form::points *
                             transformed_point_weights<Form, typename Arch::Products>(call.params, 2, Arch::lanes);
            if (conv_block_vectors(call.params.cout - channel, Arch::lanes) == 2) {
                transformed_block<Arch, Form, 2>(call, plan, channel, first, count, weights, scratch, sums);
            } else {
                transformed_block<Arch, Form, 1>(call, plan, channel, first, count, weights, scratch, sums);
            }
        }
    }
}

template <typename Form, typename Arch>
struct TransformedKernel {
    static constexpr ConvInput input = ConvInput::u8;
    static constexpr int lanes = Arch::lanes;

    static const char* refuses(const ConvParams& p, const std::int8_t* weights) {
        return Form::refuses(p, weights, lanes, Arch::folds);
    }
    static std::size_t packed_bytes(const ConvParams& p, const std::int8_t*) {
        return static_cast<std::size_t>(Form::points *
                                        transformed_point_weights<Form, typename Arch::Products>(p, 2, lanes) *
                                        conv_blocks(p, lanes) * 2);
    }
    static void pack(const ConvParams& p, const std::int8_t* weights, std::byte* packed) {
        transformed_pack<Form, typename Arch::Products>(p, weights, lanes, reinterpret_cast<std::int16_t*>(packed));
    }
    static std::size_t scratch_bytes(const ConvCall& call) {
        const TransformedPlan plan = transformed_plan<Form>(call, lanes);
        return static_cast<std::size_t>(conv_round_up(Form::points * plan.point_bytes, 64) +
                                        Form::points * transformed_sum_bytes(plan, lanes));
    }
    static int units(const ConvCall& call) {
        const TransformedPlan plan = transformed_plan<Form>(call, lanes);
        return plan.batches * plan.shares;
    }
    static void run(const ConvCall& call, int unit_begin, int unit_end, std::byte* scratch) noexcept {
        transformed_run<Arch, Form>(call, unit_begin, unit_end, scratch);
    }
};

}  // namespace
}  // namespace octet::kernels
