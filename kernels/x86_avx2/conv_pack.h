#pragma once

// Which products may share a 16-bit lane: how the AVX2 direct convolution orders a layer's steps.
//
// A step is 4 input channels of a tap (conv_direct.h); for a vector of 8 output channels it has 32 weights. vpmaddubsw
// sums its products two by two into 16 slots of 16 bits, and saturates. The order of the steps is free, and so is which
// of them are summed in 16 bits before vpmaddwd widens. Two forms of a step, for input x in [0, 255]:
//
//     plain      x * w                           needs, over all products of a slot, with both bounds:
//                                                    sum of the positive w <=  128       255 *  128 =  32640
//                                                    sum of the negative w >= -128       255 * -128 = -32640
//     centred    |w| * s,  s = x ^ mask          s in [-128, 127] is x - 128 where w >= 0 (mask 0x80), and
//                                                127 - x where w < 0 (mask 0x7F).
//                                                x * w = |w| * s + w * (w < 0 ? 127 : 128): the second term is a
//                                                constant of the output channel. Needs
//                                                    sum of |w| <= 255                  128 * 255 = 32640
//                                                or one step alone: two |w| <= 128      128 * 256 = 32768, reached at
//                                                s = -128 only, and -32768 is a 16-bit number
//
// A partial sum of a slot has the same bounds as the whole, so the order of additions is free too. One step alone
// always has an exact form. Plain steps are cheaper, and cheaper still when three or two share a vpmaddwd:
//
//     list       plain 3, plain 2, plain 1, centred 2, centred 1: the steps in one group
//     cycles     0.77     0.84     1.01     1.0        1.16       a step and pixel on Zen 4, all in registers
//
// Steps whose own pairs break the plain bounds are centred, all others plain. Groups are filled first-fit, the steps
// with the largest weights first.
//
// In an unnamed namespace on purpose: each file compiles a private copy.

#include <immintrin.h>

#include <cstdint>

#include "kernels/conv_direct.h"

namespace octet::kernels {
namespace {

constexpr int step_lanes = 8;
// Steps that are ordered at once; more of them are several segments.
constexpr int segment_steps = 1024;

struct StepList {
    bool centred;
    int group;  // steps that share a vpmaddwd
};
constexpr StepList step_lists[] = {{false, 3}, {false, 2}, {false, 1}, {true, 2}, {true, 1}};
constexpr int step_list_count = 5;

// A layer as the packing sees it: vectors of output channels x steps.
struct StepShape {
    ConvParams layer, p;  // as given, and with pixels grouped into lanes
    int taps_w, steps_per_tap, steps, segments, vectors;

    explicit StepShape(const ConvParams& params)
        : layer(params),
          p(conv_grouped(params, step_lanes)),
          taps_w(p.kernel_w),
          steps_per_tap((p.cin + 3) / 4),
          steps(p.kernel_h * p.kernel_w * steps_per_tap),
          segments((steps + segment_steps - 1) / segment_steps),
          vectors((p.cout + step_lanes - 1) / step_lanes) {}

    int segment_size(int segment) const {
        const int left = steps - segment * segment_steps;
        return left < segment_steps ? left : segment_steps;
    }
};

// The 32 weights of a step, zero where cin or cout is padded. Vectors 2b and 2b + 1 are the vectors of block b.
inline __m256i step_weights(const StepShape& shape, const std::int8_t* weights, int vector, int step) {
    const ConvParams& p = shape.p;
    const int first = vector / 2 * 2 * step_lanes;
    const int channels = p.cout - first < 2 * step_lanes ? p.cout - first : 2 * step_lanes;
    const int vectors = conv_block_vectors(channels, step_lanes);
    const int tap = step / shape.steps_per_tap, i = step % shape.steps_per_tap * 4;
    const bool contiguous = conv_grouping(shape.layer, step_lanes).pixels == 1 && i + 4 <= p.cin;
    alignas(32) std::int8_t w[32] = {};
    for (int lane = 0; lane < step_lanes; ++lane) {
        const int o = conv_lane_channel(vectors, vector % 2, lane);
        if (o >= channels) continue;
        if (contiguous) {
            const std::int64_t taps = std::int64_t{p.kernel_h} * p.kernel_w;
            __builtin_memcpy(w + lane * 4, weights + ((first + o) * taps + tap) * p.cin + i, 4);
            continue;
        }
        for (int j = 0; j < 4 && i + j < p.cin; ++j) {
            w[lane * 4 + j] =
                conv_weight(shape.layer, step_lanes, weights, first + o, tap / shape.taps_w, tap % shape.taps_w, i + j);
        }
    }
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(w));
}

// What a step takes of each slot's bound, as unsigned bytes.
struct StepLoad {
    __m256i plain;    // sums of the positive weights, sums of the negative ones; 16 slots each
    __m256i centred;  // sums of |w|, at most 255: what two weights of -128 have in excess never meets another weight
    int total;        // sum of |w|
    bool is_centred;

    explicit StepLoad(__m256i w) {
        const __m256i zero = _mm256_setzero_si256(), ones = _mm256_set1_epi8(1);
        const __m256i positive = _mm256_maddubs_epi16(_mm256_max_epi8(w, zero), ones);
        const __m256i all = _mm256_maddubs_epi16(_mm256_abs_epi8(w), ones);
        plain = _mm256_packus_epi16(positive, _mm256_sub_epi16(all, positive));
        centred = _mm256_packus_epi16(all, zero);
        const __m256i sums = _mm256_sad_epu8(_mm256_abs_epi8(w), zero);
        const __m128i halves = _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
        total = static_cast<int>(_mm_extract_epi64(halves, 0) + _mm_extract_epi64(halves, 1));
        is_centred = !fits(plain, full(false));
    }

    __m256i of(bool centred_form) const { return centred_form ? centred : plain; }
    static __m256i full(bool centred_form) { return _mm256_set1_epi8(static_cast<char>(centred_form ? 255 : 128)); }
    static bool fits(__m256i load, __m256i room) {
        const __m256i excess = _mm256_subs_epu8(load, room);
        return _mm256_testz_si256(excess, excess) != 0;
    }
};

// The steps of one vector and segment, group after group.
struct StepGroups {
    struct Group {
        std::uint16_t steps[3];
        std::uint16_t count;
    };
    Group groups[segment_steps];
    int counts[step_list_count];
    int total;

    // Numbers steps from the segment's first one.
    void fill(const StepShape& shape, const std::int8_t* weights, int vector, int segment) {
        const int size = shape.segment_size(segment), first = segment * segment_steps;
        // Counting sort by the sum of |w|, the largest first.
        constexpr int buckets = 32 * 128 / 16 + 1;
        std::uint16_t bucket_of[segment_steps], order[segment_steps];
        int begin[buckets + 1] = {};
        for (int s = 0; s < size; ++s) {
            const StepLoad load(step_weights(shape, weights, vector, first + s));
            bucket_of[s] = static_cast<std::uint16_t>(buckets - 1 - load.total / 16);
            ++begin[bucket_of[s] + 1];
        }
        for (int b = 1; b <= buckets; ++b) begin[b] += begin[b - 1];
        for (int s = 0; s < size; ++s) order[begin[bucket_of[s]]++] = static_cast<std::uint16_t>(s);

        total = 0;
        for (int& count : counts) count = 0;
        Open plain(false), centred(true);
        for (int s = 0; s < size; ++s) {
            const StepLoad load(step_weights(shape, weights, vector, first + order[s]));
            (load.is_centred ? centred : plain).put(*this, order[s], load);
        }
        plain.close_all(*this);
        centred.close_all(*this);
    }

    // Writes the step numbers list by list.
    void write(std::uint16_t* out) const {
        for (int list = 0; list < step_list_count; ++list) {
            for (int g = 0; g < total; ++g) {
                if (list_of_[g] != list) continue;
                for (int k = 0; k < groups[g].count; ++k) *out++ = groups[g].steps[k];
            }
        }
    }

  private:
    std::uint8_t list_of_[segment_steps];

    void add(const Group& group, bool centred) {
        for (int list = 0; list < step_list_count; ++list) {
            if (step_lists[list].centred != centred || step_lists[list].group != group.count) continue;
            list_of_[total] = static_cast<std::uint8_t>(list);
            ++counts[list];
        }
        groups[total++] = group;
    }

    // Groups of one form that are not full; few enough that a search is short.
    struct Open {
        static constexpr int limit = 48;
        bool centred;
        int count = 0;
        __m256i room[limit];
        Group groups[limit];

        explicit Open(bool centred_form) : centred(centred_form) {}

        void put(StepGroups& to, std::uint16_t step, const StepLoad& load) {
            int g = 0;
            while (g < count && !StepLoad::fits(load.of(centred), room[g])) ++g;
            if (g == limit) {
                remove(to, 0);
                g = count;
            }
            if (g == count) {
                groups[g] = {{}, 0};
                room[g] = StepLoad::full(centred);
                ++count;
            }
            groups[g].steps[groups[g].count++] = step;
            room[g] = _mm256_sub_epi8(room[g], load.of(centred));
            if (groups[g].count == (centred ? 2 : 3)) remove(to, g);
        }

        void remove(StepGroups& to, int g) {
            to.add(groups[g], centred);
            for (--count; g < count; ++g) {
                groups[g] = groups[g + 1];
                room[g] = room[g + 1];
            }
        }

        void close_all(StepGroups& to) {
            for (int g = 0; g < count; ++g) to.add(groups[g], centred);
            count = 0;
        }
    };
};

}  // namespace
}  // namespace octet::kernels
