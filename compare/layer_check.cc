#include "compare/layer_check.h"

#include <algorithm>
#include <cmath>

#include "compare/difference.h"
#include "engine/npu_emu/accumulators.h"

namespace octet::compare {
namespace {

namespace npu = engine::npu_emu;
using engine::ConvOp;
using kernels::Activation;

Slot slot_of(engine::QuantId id) {
    return {.value = id, .tensor = no_value};
}

std::int64_t value_at(const Tensor& tensor, std::int64_t at) {
    return dispatch(tensor.dtype(), [&]<typename T>() {
        return static_cast<std::int64_t>(tensor.data<T>()[static_cast<std::size_t>(at)]);
    });
}

// A convolution's output element: its image, channel, row and column.
struct Place {
    std::int64_t image = 0;
    int o = 0, row = 0, column = 0;
};

Place place_of(const ConvOp& conv, const Shape& y, std::int64_t at) {
    const std::int64_t cout = conv.weights.shape()[0];
    if (conv.dense) return {at / cout, static_cast<int>(at % cout), 0, 0};
    return {at / (y[1] * y[2] * y[3]), static_cast<int>(at / (y[2] * y[3]) % y[1]), static_cast<int>(at / y[3] % y[2]),
            static_cast<int>(at % y[3])};
}

std::int64_t accumulator_at(const ConvOp& conv, const npu::Profile& profile, const Tensor& x, const Shape& y,
                            const std::vector<std::int64_t>& bias, std::int64_t at) {
    const Place place = place_of(conv, y, at);
    const Shape& s = x.shape();
    const std::int64_t h = conv.dense ? 1 : s[2], w = conv.dense ? 1 : s[3],
                       cin = conv.weights.shape()[1] * conv.groups;
    return npu::with_integers(x.dtype(), [&]<typename T>() {
        const npu::Image<T> image{x.data<T>().data() + place.image * cin * h * w, static_cast<int>(h),
                                  static_cast<int>(w), profile.padding(conv.x.grid)};
        return npu::exact_sum(conv, bias[static_cast<std::size_t>(place.o)], profile.accumulator, image, place.o,
                              place.row, place.column);
    });
}

// Whether accumulators and requantizers are all there is to it.
bool is_plain(const ConvOp& conv) {
    const Activation kind = conv.activation.kind;
    return !conv.residual && conv.x.channel_zero_points.empty() &&
           (kind == Activation::none || kind == Activation::relu || kind == Activation::clip);
}

Result<npu::Requantizer> requantizer_of(const ConvOp& conv, npu::RequantRule rule, const Grid& y,
                                        const npu::Profile& profile, int o) {
    return npu::make_requantizer(
        rule, conv.x.grid.scale, static_cast<float>(conv.weight_scales[static_cast<std::size_t>(o)]), y.scale,
        y.zero_point, npu::activated_range(conv.activation, y, profile.range(y.dtype)), profile.multiplier);
}

bool is_elementwise(const Emulation& emulation, std::size_t op) {
    const engine::Op& one = emulation.program().ops[op];
    if (std::holds_alternative<engine::TableOp>(one.form)) return true;
    if (!std::holds_alternative<engine::AddOp>(one.form) && !std::holds_alternative<engine::MulOp>(one.form))
        return false;
    const Shape& y = emulation.shape(slot_of(engine::written(one)));
    const auto xs = engine::operands(one);
    return std::all_of(xs.begin(), xs.end(), [&](const auto* x) { return emulation.shape(slot_of(x->id)) == y; });
}

Tensor picked(const Tensor& tensor, const std::vector<std::int64_t>& samples) {
    Tensor out(tensor.dtype(), {1, 1, 1, static_cast<std::int64_t>(samples.size())});
    const std::size_t size = dtype_size(tensor.dtype());
    std::byte* to = out.mutable_raw();
    for (std::int64_t at : samples) {
        std::copy_n(tensor.raw() + static_cast<std::size_t>(at) * size, size, to);
        to += size;
    }
    return out;
}

}  // namespace

LayerCheck::LayerCheck(const Emulation& emulation, const Range& range, const Tensors& known, const Tensor& expected,
                       const Tensor& computed)
    : emulation_(emulation), range_(range), known_(known), expected_(expected) {
    choose_samples(computed);
    if (range.ops.size() != 1 || !range.slot.quantized()) return;
    const std::size_t op = range.ops.front();
    elementwise_ = is_elementwise(emulation, op);
    if (!elementwise_) return;
    for (const engine::Operand* x : engine::operands(emulation.program().ops[op]))
        sampled_[slot_of(x->id)] = picked(known.at(slot_of(x->id)), samples_);
    sampled_result_ = picked(expected, samples_);
}

void LayerCheck::choose_samples(const Tensor& computed) {
    constexpr std::int64_t differing = 24, others = 40;
    const std::int64_t size = expected_.size();
    std::vector<std::int64_t> different;
    const std::size_t bytes = dtype_size(expected_.dtype());
    const auto differs = [&](std::int64_t at) {
        const std::size_t from = static_cast<std::size_t>(at) * bytes;
        return !std::equal(expected_.raw() + from, expected_.raw() + from + bytes, computed.raw() + from);
    };
    for (std::int64_t at = 0; at < size && different.size() < 100'000; ++at) {
        if (differs(at)) different.push_back(at);
    }
    const auto count = static_cast<std::int64_t>(different.size());
    for (std::int64_t i = 0; i < std::min(count, differing); ++i)
        samples_.push_back(different[static_cast<std::size_t>(i * count / std::min(count, differing))]);
    for (std::int64_t i = 0; i < std::min(size, others); ++i) samples_.push_back(i * size / std::min(size, others));
}

std::optional<bool> LayerCheck::conv_samples_agree(const Variant& variant) const {
    const auto* conv = std::get_if<ConvOp>(&variant.op.form);
    if (!conv || !is_plain(*conv)) return std::nullopt;
    const auto rule =
        npu::requant_rule(variant.profile.rule(npu::operation_of(variant.op, variant.program)).value_or(""));
    if (!rule) return float_samples_agree(variant, *conv);
    const Grid& y = variant.grid(conv->y);
    const Shape& shape = variant.program.values[engine::index_of(conv->y)].shape;
    const Tensor& x = known_.at(slot_of(conv->x.id));
    const std::vector<std::int64_t> bias = npu::accumulator_bias(*conv);
    std::map<int, npu::Requantizer> requantizers;
    for (std::size_t k = 0; k < samples_.size(); ++k) {
        const std::int64_t at = samples_[k];
        const int o = place_of(*conv, shape, at).o;
        auto known = requantizers.find(o);
        if (known == requantizers.end()) {
            const auto made = requantizer_of(*conv, *rule, y, variant.profile, o);
            if (!made) return false;
            known = requantizers.emplace(o, *made).first;
        }
        const std::int32_t result =
            npu::requantize(accumulator_at(*conv, variant.profile, x, shape, bias, at), known->second);
        const std::int64_t stored =
            npu::with_integers(y.dtype, [&]<typename T>() { return std::int64_t{static_cast<T>(result)}; });
        if (stored == value_at(expected_, at)) continue;
        // What tells one variant from the dump tells many.
        std::rotate(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(k),
                    samples_.begin() + static_cast<std::ptrdiff_t>(k) + 1);
        return false;
    }
    return true;
}

// A sum of float32 is near the exact one: what is far from it is none of its values.
std::optional<bool> LayerCheck::float_samples_agree(const Variant& variant, const ConvOp& conv) const {
    constexpr double near = 0.6;  // of a step; half of one is what rounding does
    const Grid& y = variant.grid(conv.y);
    const Shape& shape = variant.program.values[engine::index_of(conv.y)].shape;
    const Tensor& x = known_.at(slot_of(conv.x.id));
    const npu::Range range = npu::activated_range(conv.activation, y, variant.profile.range(y.dtype));
    npu::Profile exact = variant.profile;
    exact.accumulator = {.bits = 64};
    const std::vector<std::int64_t> bias = npu::accumulator_bias(conv);
    for (std::int64_t at : samples_) {
        const auto o = static_cast<std::size_t>(place_of(conv, shape, at).o);
        const double scale = static_cast<double>(conv.x.grid.scale) * conv.weight_scales[o] / y.scale;
        const auto sum = static_cast<double>(accumulator_at(conv, exact, x, shape, bias, at));
        const double steps = std::clamp<double>(sum * scale + y.zero_point, range.min, range.max);
        if (std::abs(steps - static_cast<double>(value_at(expected_, at))) > near) return false;
    }
    return std::nullopt;
}

std::optional<bool> LayerCheck::elementwise_samples_agree(const Variant& variant) const {
    if (!elementwise_ || variant.behind) return std::nullopt;
    Variant small = variant;
    const Shape& shape = sampled_result_.shape();
    for (const auto& [slot, tensor] : sampled_) small.program.values[engine::index_of(slot.value)].shape = shape;
    small.program.values[engine::index_of(range_.slot.value)].shape = shape;
    const auto result = emulation_.run_variant(small, sampled_);
    return result && count_differing(*result, sampled_result_, 1) == 0;
}

std::optional<bool> LayerCheck::samples_agree(const Variant& variant) const {
    return elementwise_ ? elementwise_samples_agree(variant) : conv_samples_agree(variant);
}

bool LayerCheck::gives(const std::map<std::size_t, Variant>& variants) const {
    if (range_.ops.size() == 1 && variants.size() == 1) {
        if (samples_agree(variants.begin()->second) == false) return false;
    }
    const auto result = emulation_.run_range(range_.ops, known_, variants);
    if (!result) return false;
    const std::int64_t at = first_differing(*result, expected_);
    if (at >= 0 && !elementwise_) samples_.insert(samples_.begin(), at);
    return at < 0;
}

const std::map<std::size_t, Variant>& LayerCheck::under(const npu::Profile& profile) const {
    if (plain_.empty()) {
        for (std::size_t op : range_.ops) plain_.emplace(op, emulation_.as_it_is(op));
    }
    for (auto& [op, variant] : plain_) variant.profile = profile;
    return plain_;
}

bool LayerCheck::gives(const npu::Profile& profile) const {
    return gives(under(profile));
}

bool LayerCheck::may_give(const npu::Profile& profile) const {
    return range_.ops.size() != 1 || samples_agree(under(profile).begin()->second) != false;
}

namespace {

void explain_conv(const ConvOp& conv, const Emulation& emulation, std::size_t op, const Tensors& known, std::int64_t at,
                  Element& element) {
    const Slot result = slot_of(conv.y);
    const Grid& y = *emulation.grid(result);
    const Shape& shape = emulation.shape(result);
    if (!is_plain(conv)) return;
    const int o = place_of(conv, shape, at).o;
    element.accumulator =
        accumulator_at(conv, emulation.profile(), known.at(slot_of(conv.x.id)), shape, npu::accumulator_bias(conv), at);
    const double scale = static_cast<double>(conv.x.grid.scale) * conv.weight_scales[static_cast<std::size_t>(o)] /
                         static_cast<double>(y.scale);
    element.exact = static_cast<double>(*element.accumulator) * scale + y.zero_point;
    const auto rule = npu::requant_rule(emulation.rule(op));
    if (!rule) return;
    if (const auto r = requantizer_of(conv, *rule, y, emulation.profile(), o); r && r->m != 0) {
        element.multiplier = r->m;
        element.shift = 31 - r->e;
    }
}

}  // namespace

Element look_at(const Emulation& emulation, const Range& range, const Tensors& known, const Tensor& expected,
                const Tensor& computed, std::int64_t at) {
    Element element;
    element.dumped = value_at(expected, at);
    element.computed = value_at(computed, at);
    const Shape& shape = expected.shape();
    element.index.resize(shape.size());
    std::int64_t rest = at;
    for (std::size_t i = shape.size(); i > 0; --i) {
        element.index[i - 1] = rest % shape[i - 1];
        rest /= shape[i - 1];
    }
    if (range.ops.size() != 1 || !range.slot.quantized()) return element;
    const engine::Op& op = emulation.program().ops[range.ops.front()];
    const Grid& y = *emulation.grid(range.slot);
    if (const auto* conv = std::get_if<ConvOp>(&op.form)) {
        explain_conv(*conv, emulation, range.ops.front(), known, at, element);
    } else if (is_elementwise(emulation, range.ops.front())) {
        const auto xs = engine::operands(op);
        std::vector<double> reals;
        for (const engine::Operand* x : xs) {
            element.operands.push_back(value_at(known.at(slot_of(x->id)), at));
            reals.push_back(static_cast<double>(element.operands.back() - x->grid.zero_point) * x->grid.scale);
        }
        const auto* sum = std::get_if<engine::AddOp>(&op.form);
        const auto* table = std::get_if<engine::TableOp>(&op.form);
        if (sum) element.exact = (sum->subtract ? reals[0] - reals[1] : reals[0] + reals[1]) / y.scale + y.zero_point;
        if (std::holds_alternative<engine::MulOp>(op.form))
            element.exact = reals[0] * reals[1] / y.scale + y.zero_point;
        const bool leaky = table && table->steps.size() == 1 && table->steps[0].op == "LeakyRelu";
        const bool relu = table && table->steps.size() == 1 && table->steps[0].op == "Relu";
        const bool swish = table && table->steps.size() == 1 && table->steps[0].op == "HardSwish";
        const double x = reals[0];
        if (table && table->steps.empty()) element.exact = x / y.scale + y.zero_point;
        if (leaky) element.exact = (x >= 0 ? x : x * table->steps[0].alpha) / y.scale + y.zero_point;
        if (relu) element.exact = std::max(x, 0.0) / y.scale + y.zero_point;
        if (swish) element.exact = x * std::clamp(x + 3, 0.0, 6.0) / 6 / y.scale + y.zero_point;
    }
    if (element.exact) element.to_tie = std::abs(*element.exact - std::floor(*element.exact) - 0.5);
    return element;
}

}  // namespace octet::compare
