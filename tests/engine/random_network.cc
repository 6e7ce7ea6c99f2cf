#include "tests/engine/random_network.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "base/grid.h"
#include "frontends/onnx/graph_builder.h"
#include "frontends/onnx/qoperator.h"
#include "graph/ops/evaluator.h"
#include "graph/ops/op_list.h"

namespace octet::test {
namespace {

using Ints = std::vector<std::int64_t>;

// A quantized tensor.
struct Item {
    ValueId integers = no_value;  // no_value: a constant's, which nothing but `real` names
    ValueId real = no_value;      // behind its DequantizeLinear
    Grid grid;
};

class Generator {
  public:
    explicit Generator(unsigned seed) : random_(seed), builder_(network_.graph) {}

    RandomNetwork run() {
        const int inputs = chance(20) ? 2 : 1;
        const Shape shape = {chance(15) ? 2 + roll(2) : 1, pick<std::int64_t>({1, 2, 3, 4, 5, 7, 8, 9, 16, 24, 33}),
                             side(), side()};
        for (int i = 0; i < inputs; ++i) add_input(shape);
        const int layers = 1 + roll(6);
        for (int made = 0, tries = 0; made < layers && tries < 100; ++tries) made += try_layer();
        for (const Item& item : items_) network_.graph.outputs.push_back(item.real);
        network_.graph.remove_dead();
        return std::move(network_);
    }

  private:
    // Neither std::uniform_int_distribution nor its kin give the same numbers in every library.
    int roll(int sides) { return static_cast<int>(random_() % static_cast<unsigned>(sides)); }
    bool chance(int percent) { return roll(100) < percent; }
    float uniform(float low, float high) { return low + (high - low) * static_cast<float>(roll(65536)) / 65536; }
    template <typename T>
    T pick(std::initializer_list<T> values) {
        return values.begin()[roll(static_cast<int>(values.size()))];
    }
    std::int64_t side() { return chance(15) ? 1 : 1 + roll(13); }
    const Item& any_item() { return items_[static_cast<std::size_t>(roll(static_cast<int>(items_.size())))]; }

    // ---- building; a value is computed as soon as it is made
    const Tensor& value(ValueId id) const { return values_[static_cast<std::size_t>(id)]; }
    const Shape& shape(ValueId id) const { return value(id).shape(); }

    ValueId constant(Tensor tensor) { return builder_.constant("c", std::move(tensor)); }
    ValueId scalar(float x) { return constant(chance(50) ? Tensor::scalar(x) : Tensor::from<float>({1}, {x})); }

    ValueId node(const std::string& op, std::vector<ValueId> inputs, Attributes attributes = {}) {
        const ValueId made = builder_.node(op, op, std::move(inputs), std::move(attributes));
        compute();
        return made;
    }

    // Computes what the nodes added since the last call give; a node that refuses its arguments ends the layer.
    void compute() {
        Graph& graph = network_.graph;
        values_.resize(graph.value_count());
        for (std::size_t v = 0; v < graph.value_count(); ++v) {
            const Value& known = graph.value(static_cast<ValueId>(v));
            if (known.constant) values_[v] = *known.constant;
        }
        for (; computed_ < graph.node_count(); ++computed_) {
            const Node& made = graph.node(static_cast<NodeId>(computed_));
            std::vector<const Tensor*> arguments;
            for (ValueId id : made.inputs) arguments.push_back(id == no_value ? nullptr : &value(id));
            auto results = evaluate_node(made, arguments);
            if (!results || results->front().size() == 0 || results->front().size() > 20000) throw Refused();
            for (std::size_t i = 0; i < results->size(); ++i) {
                values_[static_cast<std::size_t>(made.outputs[i])] = std::move((*results)[i]);
            }
        }
    }
    struct Refused {};

    bool try_layer() {
        Graph& graph = network_.graph;
        const std::size_t before = graph.node_count();
        const std::size_t items = items_.size(), outputs = graph.outputs.size();
        try {
            add_layer();
            return true;
        } catch (const Refused&) {
            for (std::size_t i = graph.node_count(); i-- > before;) graph.remove_node(static_cast<NodeId>(i));
            computed_ = graph.node_count();
            items_.resize(items);
            graph.outputs.resize(outputs);
            return false;
        }
    }

    void add_layer() {
        const int kind = roll(100);
        if (kind < 40) return add_conv();
        if (kind < 47) return add_sum();
        if (kind < 56) return add_concat();
        if (kind < 64) return add_pool();
        if (kind < 72) return add_resize();
        if (kind < 82) return add_elementwise();
        if (kind < 87) return add_batchnorm();
        if (kind < 91) return add_logits();
        if (kind < 93) return add_constant_item();
        if (kind < 97) return add_move();
        add_float_operator();
    }

    Tensor random_floats(Shape wanted, float low, float high) {
        Tensor tensor(DType::float32, std::move(wanted));
        for (float& x : tensor.mutable_data<float>()) x = uniform(low, high);
        return tensor;
    }

    // ---- grids
    Grid random_grid(ValueId real) {
        const auto values = value(real).to_float();
        float low = 0, high = 0;
        for (float x : values) {
            if (!std::isfinite(x)) continue;
            low = std::min(low, x);
            high = std::max(high, x);
        }
        // Mostly what a quantizer would choose; else much is cut off, or few steps are used.
        const float factor = chance(60) ? 1 : pick({0.05F, 0.3F, 0.7F, 2.0F, 10.0F});
        const float range = std::clamp(high - low, 1e-6F, 1e12F) * factor;
        if (chance(8)) {
            const int exponent = static_cast<int>(std::ceil(std::log2(range / 16000)));
            return {DType::int16, std::ldexp(1.0F, std::clamp(exponent, -20, 20)), 0};
        }
        Grid grid{chance(65) ? DType::uint8 : DType::int8, range / 255, 0};
        const int least = grid.dtype == DType::uint8 ? 0 : -128;
        const int fitting = static_cast<int>(std::lround(-low * factor / grid.scale));
        grid.zero_point = least + (chance(80) ? std::clamp(fitting, 0, 255) : pick({0, 1, 127, 128, 254, 255}));
        return grid;
    }

    ValueId zero_point(const Grid& grid, bool as_vector) {
        const Shape form = as_vector ? Shape{1} : Shape{};
        return constant(Tensor::from<std::int64_t>(form, {grid.zero_point}).cast(grid.dtype));
    }

    const Item& quantize(ValueId real, const Grid& grid) {
        const bool as_vector = chance(10);
        const Tensor scale = Tensor::from<float>(as_vector ? Shape{1} : Shape{}, {grid.scale});
        std::vector<ValueId> inputs = {real, constant(scale)};
        const bool implicit = grid.dtype == DType::uint8 && grid.zero_point == 0 && chance(20);
        if (!implicit) inputs.push_back(zero_point(grid, as_vector));
        inputs[0] = node("QuantizeLinear", inputs);
        items_.push_back({inputs[0], node("DequantizeLinear", inputs), grid});
        // A reader may take the integers for others.
        if (grid.dtype != DType::int16 && chance(4)) {
            inputs[1] = constant(Tensor::scalar(grid.scale * 2));
            inputs.resize(2);
            inputs.push_back(zero_point({grid.dtype, 0, roll(100)}, false));
            items_.back().real = node("DequantizeLinear", inputs);
        }
        return items_.back();
    }
    const Item& quantize(ValueId real) { return quantize(real, random_grid(real)); }
    // Values that came from `from`: on its grid more often than not.
    void quantize_copy(ValueId real, const Item& from) {
        if (from.integers != no_value && chance(80)) {
            quantize(real, from.grid);
        } else {
            quantize(real);
        }
    }

    void add_input(const Shape& wanted) {
        Graph& graph = network_.graph;
        const bool pixels = chance(12);
        const Shape given = pixels ? Shape{wanted[0], 3, wanted[2], wanted[3]} : wanted;
        const std::string name = fmt::format("x{}", graph.inputs.size());
        const ValueId x = graph.add_input(name, DType::float32, given);
        const float low = pick({-5.0F, -1.0F, 0.0F, -0.01F});
        Tensor tensor = random_floats(given, low, low + pick({0.5F, 4.0F, 12.0F}));
        if (chance(5)) tensor.mutable_data<float>()[0] = pick({NAN, INFINITY, -INFINITY, 1e30F});
        values_.resize(graph.value_count());
        values_[static_cast<std::size_t>(x)] = tensor;
        network_.inputs.push_back(std::move(tensor));
        if (!pixels) {
            quantize(x);
            return;
        }
        ValueId raw = node("Mul", {x, constant(random_floats({1, 3, 1, 1}, 20, 60))});
        raw = node("Add", {raw, constant(random_floats({1, 3, 1, 1}, 0, 255))});
        const Grid grid{DType::uint8, 1, 0};
        const ValueId q = node("QuantizeLinear", {raw, constant(Tensor::scalar(1.0F)), zero_point(grid, false)});
        const Tensor zeros = random_floats({3}, 0, 255).cast(DType::uint8);
        const ValueId scales = constant(Tensor::from<float>({3}, {1, 1, 1}));
        items_.push_back(
            {q, node("DequantizeLinear", {q, scales, constant(zeros)}, {{"axis", std::int64_t{1}}}), grid});
    }

    void add_constant_item() {
        const Shape wanted = shape(any_item().real);
        const ValueId integers = constant(random_floats(wanted, 0, 255.9F).cast(DType::uint8));
        const Grid grid{DType::uint8, uniform(0.001F, 0.1F), roll(256)};
        const ValueId real =
            node("DequantizeLinear", {integers, constant(Tensor::scalar(grid.scale)), zero_point(grid, false)});
        items_.push_back({no_value, real, grid});
    }

    // ---- attributes
    void add_padding(Attributes& attributes, const Ints& kernel, bool dilated) {
        if (chance(30)) attributes.set("strides", Ints{1 + roll(3), 1 + roll(3)});
        if (dilated && chance(15)) attributes.set("dilations", Ints{1 + roll(2), 1 + roll(3)});
        if (chance(30)) {
            attributes.set("auto_pad", std::string(pick({"SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"})));
        } else if (chance(50)) {
            attributes.set("pads", Ints{kernel[0] / 2, kernel[1] / 2, kernel[0] / 2, kernel[1] / 2});
        } else if (chance(60)) {
            const int most = chance(20) ? 4 : 0;
            const auto pad = [&](std::size_t d) { return std::int64_t{roll(static_cast<int>(kernel[d]) + most)}; };
            attributes.set("pads", Ints{pad(0), pad(1), pad(0), pad(1)});
        }
    }

    ValueId add_activation(ValueId x) {
        const std::int64_t channels = shape(x)[1];
        switch (roll(9)) {
            case 0:
                return node("Relu", {x});
            case 1:
                return node("LeakyRelu", {x}, {{"alpha", pick({0.0F, 0.01F, 0.1F, 0.125F, 0.9F, 1.5F, -0.5F})}});
            case 2: {
                Tensor slopes = random_floats({chance(20) ? 1 : channels, 1, 1}, pick({0.0F, 0.0F, -0.6F}),
                                              pick({0.3F, 0.99F, 1.2F}));
                if (chance(30)) slopes = slopes.reshaped({1, slopes.size(), 1, 1});
                if (chance(20)) slopes.mutable_data<float>()[0] = 0;
                return node("PRelu", {x, constant(std::move(slopes))});
            }
            case 3:
            case 4:
                return node("HardSwish", {x});
            case 5:
            case 6: {
                // Bounds may be missing, lie apart, cross, or be beyond all values.
                const float low = uniform(-4, 4), high = chance(80) ? low + uniform(0, 8) : low - uniform(0, 4);
                std::vector<ValueId> inputs = {x, chance(85) ? constant(Tensor::scalar(low)) : no_value};
                if (chance(85)) inputs.push_back(constant(Tensor::scalar(high)));
                if (inputs.back() == no_value) inputs.pop_back();
                return node("Clip", std::move(inputs));
            }
            case 7:
                return node(pick({"Sigmoid", "Tanh", "HardSigmoid", "Elu"}), {x});
            default: {
                const ValueId swish = node("Mul", {x, node("Sigmoid", {x})});
                if (chance(50)) return swish;
                Tensor gains = random_floats({1, channels, 1, 1}, 0, pick({1.0F, 4.0F, 8.0F}));
                for (float& gain : gains.mutable_data<float>()) gain = std::exp2(gain);
                return node("Mul", {swish, constant(std::move(gains))});
            }
        }
    }

    // ---- layers
    struct Weights {
        ValueId integers, scale, zero_point;
        float largest_scale;
        bool per_channel;
    };

    // `channels` scales along `axis`.
    Weights make_weights(const Shape& wanted, std::size_t axis) {
        const std::int64_t channels = wanted[axis];
        Tensor values(DType::int8, wanted);
        const int style = roll(6);
        for (std::int8_t& w : values.mutable_data<std::int8_t>()) {
            w = static_cast<std::int8_t>(style == 0   ? pick({-128, -127, 127})
                                         : style == 1 ? roll(15) - 7
                                         : style == 2 ? (chance(80) ? 0 : roll(255) - 127)
                                                      : roll(255) - 127);
        }
        const bool dead = axis == 0 && chance(10);
        if (dead) std::fill_n(values.mutable_data<std::int8_t>().begin(), values.size() / channels, std::int8_t{0});
        Weights made{};
        made.per_channel = chance(70);
        const float scale = std::exp2(uniform(-13, -4));
        Tensor scales(DType::float32, made.per_channel ? Shape{channels} : Shape{});
        for (float& s : scales.mutable_data<float>()) s = scale * uniform(0.5F, 1);
        if (dead && made.per_channel) scales.mutable_data<float>()[0] = scale * 1e-6F;
        made.largest_scale = scale;
        made.scale = constant(std::move(scales));
        const Shape form = made.per_channel ? Shape{channels} : Shape{};
        const bool is_unsigned = chance(5);
        if (is_unsigned) values = values.cast(DType::uint8);
        Tensor zeros(values.dtype(), form);
        if (is_unsigned || chance(4)) {
            zeros =
                Tensor::from<std::int64_t>(form, Ints(static_cast<std::size_t>(zeros.size()), is_unsigned ? 128 : 3))
                    .cast(values.dtype());
        }
        made.integers = constant(std::move(values));
        made.zero_point = is_unsigned || chance(60) ? constant(std::move(zeros)) : no_value;
        return made;
    }

    ValueId dequantized(const Weights& weights, std::int64_t axis) {
        std::vector<ValueId> inputs = {weights.integers, weights.scale};
        if (weights.zero_point != no_value) inputs.push_back(weights.zero_point);
        Attributes attributes;
        if (weights.per_channel || chance(20)) attributes.set("axis", axis);
        return node("DequantizeLinear", std::move(inputs), std::move(attributes));
    }

    Tensor integer_bias(std::int64_t channels) {
        const int most = pick({10, 3000, 30000});
        Tensor bias(DType::int32, {channels});
        for (std::int32_t& b : bias.mutable_data<std::int32_t>()) b = roll(2 * most) - most;
        return bias;
    }

    void add_conv() {
        const Item x = any_item();
        const Shape in = shape(x.real);
        std::int64_t groups = 1;
        if (chance(20)) groups = in[1];
        if (chance(10)) {
            do groups = 1 + roll(static_cast<int>(in[1]));
            while (in[1] % groups != 0);
        }
        const Ints kernel = {pick<std::int64_t>({1, 1, 2, 3, 3, 3, 5}), pick<std::int64_t>({1, 1, 2, 3, 3, 3, 5})};
        const Ints square = {kernel[0], kernel[0]};
        const Ints& used = chance(75) ? square : kernel;
        std::int64_t out =
            groups == 1 ? pick<std::int64_t>({1, 2, 3, 5, 8, 13, 16, 17, 32, 40, 65}) : groups * (1 + roll(3));
        while (groups == 1 && out > 8 && out * in[1] * used[0] * used[1] * in[2] * in[3] > 400000) out /= 2;
        Attributes attributes;
        if (groups != 1) attributes.set("group", groups);
        if (chance(70)) attributes.set("kernel_shape", used);
        add_padding(attributes, used, true);
        const Weights weights = make_weights({out, in[1] / groups, used[0], used[1]}, 0);
        const bool biased = chance(70);
        if (x.integers != no_value && x.grid.dtype != DType::int16 && chance(10)) {
            add_qlinear_conv(x, weights, biased ? constant(integer_bias(out)) : no_value, attributes);
            return;
        }
        std::vector<ValueId> inputs = {x.real, dequantized(weights, 0)};
        if (biased && chance(70)) {
            const ValueId integers = constant(integer_bias(out));
            Tensor scale = network_.graph.constant(weights.scale)->cast(DType::float32);
            for (float& s : scale.mutable_data<float>()) s *= x.grid.scale;
            Attributes along;
            if (scale.size() > 1) along.set("axis", std::int64_t{0});
            inputs.push_back(node("DequantizeLinear", {integers, constant(std::move(scale))}, std::move(along)));
        } else if (biased) {
            const float most = weights.largest_scale * x.grid.scale * pick({1.0F, 1000.0F, 30000.0F});
            inputs.push_back(constant(random_floats({out}, -most, most)));
        }
        finish_conv(node("Conv", std::move(inputs), std::move(attributes)));
    }

    // [activation] [+ shortcut] [activation] and a grid
    void finish_conv(ValueId y) {
        if (chance(65)) y = add_activation(y);
        if (chance(30)) {
            std::vector<ValueId> shortcuts;
            for (const Item& item : items_) {
                const Shape &a = shape(item.real), &b = shape(y);
                const bool fits = a == b || (a[1] == b[1] && (a[2] * a[3] == 1 || b[2] * b[3] == 1) && chance(30));
                if (fits && a[0] == b[0]) shortcuts.push_back(item.real);
            }
            if (!shortcuts.empty()) {
                const ValueId shortcut = shortcuts[static_cast<std::size_t>(roll(static_cast<int>(shortcuts.size())))];
                y = chance(50) ? node("Add", {y, shortcut}) : node("Add", {shortcut, y});
                if (chance(10)) y = add_activation(y);
            }
        }
        quantize(y);
    }

    // As the importer expands it.
    void add_qlinear_conv(const Item& x, const Weights& weights, ValueId bias, const Attributes& attributes) {
        const auto grid_inputs = [&](const Grid& grid) {
            return std::vector<ValueId>{constant(Tensor::scalar(grid.scale)), zero_point(grid, false)};
        };
        std::vector<ValueId> conv_inputs = {x.real, dequantized(weights, 0)};
        const Grid out = random_grid(node("Conv", conv_inputs, attributes));
        std::vector<ValueId> inputs = {x.integers};
        for (ValueId id : grid_inputs(x.grid)) inputs.push_back(id);
        for (ValueId id : {weights.integers, weights.scale, weights.zero_point}) inputs.push_back(id);
        for (ValueId id : grid_inputs(out)) inputs.push_back(id);
        if (bias != no_value) inputs.push_back(bias);
        const Item y = add_qoperator("QLinearConv", "", std::move(inputs), attributes, out);
        if (!chance(30)) return;
        std::vector<ValueId> sum = {y.integers};
        for (ValueId id : grid_inputs(out)) sum.push_back(id);
        sum.insert(sum.end(), {y.integers, sum[1], sum[2]});
        const Grid doubled{out.dtype, out.scale * 2, out.zero_point};
        for (ValueId id : grid_inputs(doubled)) sum.push_back(id);
        add_qoperator("QLinearAdd", "com.microsoft", std::move(sum), {}, doubled);
    }

    Item add_qoperator(const std::string& op, const std::string& domain, std::vector<ValueId> inputs,
                       const Attributes& attributes, const Grid& grid) {
        Graph& graph = network_.graph;
        const std::string name = builder_.node_name(op);
        const Node given{op, name, std::move(inputs), {graph.add_value(name)}, attributes, false};
        if (!onnx::expand_qoperator(given, domain, builder_)) throw Refused();
        compute();
        const ValueId y = given.outputs[0];
        const ValueId real =
            node("DequantizeLinear", {y, constant(Tensor::scalar(grid.scale)), zero_point(grid, false)});
        items_.push_back({y, real, grid});
        return items_.back();
    }

    void add_batchnorm() {
        const ValueId x = any_item().real;
        const Shape per_channel = {shape(x)[1]};
        std::vector<ValueId> inputs = {x};
        const float most = pick({0.1F, 2.0F});
        if (chance(30)) {
            Tensor gains = random_floats(per_channel, -127, 127).cast(DType::int8);
            inputs.push_back(
                node("DequantizeLinear", {constant(std::move(gains)), constant(Tensor::scalar(most / 127))}));
        } else {
            inputs.push_back(constant(random_floats(per_channel, chance(30) ? -most : 0, most)));
        }
        inputs.push_back(constant(random_floats(per_channel, -1, 1)));
        inputs.push_back(constant(random_floats(per_channel, -1, 1)));
        const float variance = uniform(0.1F, 3);
        inputs.push_back(constant(random_floats(per_channel, variance, chance(50) ? variance : 4.0F)));
        Attributes attributes;
        if (chance(50)) attributes.set("epsilon", uniform(1e-6F, 0.1F));
        ValueId y = node("BatchNormalization", std::move(inputs), std::move(attributes));
        if (chance(60)) y = add_activation(y);
        quantize(y);
    }

    void add_sum() {
        const ValueId a = any_item().real;
        std::vector<ValueId> others;
        for (const Item& item : items_) {
            const Shape& other = shape(item.real);
            const bool channels =
                other[0] == shape(a)[0] && other[2] * other[3] == 1 && (other[1] == 1 || other[1] == shape(a)[1]);
            if (other == shape(a) || (channels && chance(50))) others.push_back(item.real);
        }
        ValueId y = node("Add", {a, others[static_cast<std::size_t>(roll(static_cast<int>(others.size())))]});
        if (chance(50)) y = add_activation(y);
        quantize(y);
    }

    void add_concat() {
        const Item first = any_item();
        std::vector<ValueId> parts = {first.real};
        const int axis = chance(80) ? 1 : 1 + roll(3);
        for (int i = 0; i < 8; ++i) {
            const Item& other = any_item();
            Shape a = shape(first.real), b = shape(other.real);
            a[static_cast<std::size_t>(axis)] = b[static_cast<std::size_t>(axis)] = 0;
            if (a == b && parts.size() < 4) parts.push_back(other.real);
        }
        const ValueId y = node("Concat", std::move(parts), {{"axis", std::int64_t{chance(80) ? axis : axis - 4}}});
        quantize_copy(y, first);
    }

    void add_pool() {
        const Item x = any_item();
        const Ints kernel = {1 + roll(4), 1 + roll(4)};
        Attributes attributes = {{"kernel_shape", kernel}};
        add_padding(attributes, kernel, chance(30));
        if (chance(30)) attributes.set("ceil_mode", std::int64_t{1});
        if (chance(20)) attributes.set("storage_order", std::int64_t{1});
        quantize_copy(node("MaxPool", {x.real}, std::move(attributes)), x);
    }

    void add_resize() {
        const Item x = any_item();
        const Shape& in = shape(x.real);
        Attributes attributes = {
            {"mode", std::string(chance(75) ? "nearest" : pick({"linear", "cubic"}))},
            {"coordinate_transformation_mode",
             std::string(pick({"asymmetric", "asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners"}))}};
        if (chance(80)) {
            attributes.set("nearest_mode",
                           std::string(pick({"floor", "floor", "round_prefer_floor", "ceil", "round_prefer_ceil"})));
        }
        std::vector<ValueId> inputs = {x.real, no_value};
        if (chance(70)) {
            const float h = chance(70) ? 2 : pick({1.0F, 0.5F, 1.5F, 3.0F}),
                        w = chance(70) ? h : pick({1.0F, 2.0F, 0.7F});
            inputs.push_back(constant(Tensor::from<float>({4}, {1, 1, h, w})));
        } else {
            inputs.push_back(no_value);
            inputs.push_back(constant(Tensor::from<std::int64_t>({4}, {in[0], in[1], 1 + roll(20), 1 + roll(20)})));
        }
        quantize_copy(node("Resize", std::move(inputs), std::move(attributes)), x);
    }

    ValueId integers(const Ints& values) {
        return constant(Tensor::from<std::int64_t>({static_cast<std::int64_t>(values.size())}, values));
    }

    void add_move() {
        const Item x = any_item();
        const Shape in = shape(x.real);
        const std::int64_t axis = 1 + roll(3), size = in[static_cast<std::size_t>(axis)];
        switch (roll(7)) {
            case 0: {
                const Ints orders[] = {{0, 1, 3, 2}, {0, 2, 1, 3}, {0, 2, 3, 1}, {0, 3, 1, 2}, {0, 3, 2, 1}};
                return quantize_copy(node("Transpose", {x.real}, {{"perm", orders[roll(5)]}}), x);
            }
            case 1: {
                const Ints shapes[] = {{in[0], -1, 1, in[3]},     {in[0], in[2], in[1], in[3]}, {in[0], -1, 1, 1},
                                       {in[0], 1, -1, in[1]},     {in[0], in[3], -1, 1},        {in[0], 1, 1, -1},
                                       {in[0], in[2], in[3], -1}, {in[0], in[1], -1, 1}};
                return quantize_copy(node("Reshape", {x.real, integers(shapes[roll(8)])}), x);
            }
            case 2: {
                const bool backwards = chance(30);
                const std::int64_t first = roll(static_cast<int>(size)), step = 1 + roll(3);
                return quantize_copy(node("Slice", {x.real, integers({backwards ? size - 1 - first : first}),
                                                    integers({backwards ? -size - 1 : first + 1 + roll(9)}),
                                                    integers({axis}), integers({backwards ? -step : step})}),
                                     x);
            }
            case 3: {
                Ints chosen;
                for (int i = 1 + roll(9); i > 0; --i) chosen.push_back(roll(static_cast<int>(size)));
                return quantize_copy(node("Gather", {x.real, integers(chosen)}, {{"axis", axis}}), x);
            }
            case 4: {
                Ints pads(8, 0);
                for (std::size_t i : {1U, 2U, 3U, 5U, 6U, 7U}) pads[i] = chance(50) ? 0 : roll(4);
                return quantize_copy(node("Pad", {x.real, integers(pads)}), x);
            }
            case 5: {
                const bool to_space = chance(50);
                const Attributes block = {{"blocksize", std::int64_t{2}}};
                Attributes attributes = block;
                if (to_space) attributes.set("mode", std::string(pick({"DCR", "CRD"})));
                return quantize_copy(node(to_space ? "DepthToSpace" : "SpaceToDepth", {x.real}, attributes), x);
            }
            default:
                return add_shuffle(x);
        }
    }

    // Channels of several groups in turn, through tensors of five dimensions.
    void add_shuffle(const Item& x) {
        const Shape in = shape(x.real);
        const std::int64_t groups = 2 + roll(3);
        if (in[1] % groups != 0 || x.integers == no_value) throw Refused();
        const std::size_t items = items_.size();
        ValueId y = node("Reshape", {x.real, integers({in[0], groups, in[1] / groups, in[2], in[3]})});
        if (chance(70)) y = quantize(y, x.grid).real;
        y = node("Transpose", {y}, {{"perm", Ints{0, 2, 1, 3, 4}}});
        if (chance(70)) y = quantize(y, x.grid).real;
        items_.resize(items);
        quantize(node("Reshape", {y, integers({in[0], in[1], in[2], in[3]})}), x.grid);
    }

    void add_elementwise() {
        static const std::vector<const OpDef*> unary = [] {
            std::vector<const OpDef*> list;
            for (const OpDef* op : op_list()) {
                if (op->quant == QuantRule::unary && op->min_inputs == 1) list.push_back(op);
            }
            return list;
        }();
        ValueId y = any_item().real;
        for (int i = roll(4); i > 0; --i) {
            if (chance(60)) {
                y = node(std::string(unary[static_cast<std::size_t>(roll(static_cast<int>(unary.size())))]->name), {y});
            } else {
                const std::string op = pick({"Add", "Sub", "Mul", "Div", "Pow"});
                const ValueId operand = scalar(uniform(0.1F, 3));
                y = chance(70) ? node(op, {y, operand}) : node(op, {operand, y});
            }
            if (value(y).dtype() != DType::float32) throw Refused();
        }
        quantize(y);
    }

    // A head: 16-bit logits through a Sigmoid.
    void add_logits() {
        const Item x = any_item();
        const Shape& in = shape(x.real);
        const Weights weights = make_weights({4 * (1 + roll(3)), in[1], 1, 1}, 0);
        ValueId y = node("Conv", {x.real, dequantized(weights, 0)});
        if (chance(40)) y = add_activation(y);
        y = quantize(y, {DType::int16, std::ldexp(1.0F, -6 - roll(7)), 0}).real;
        if (chance(40)) {
            y = node("DepthToSpace", {y},
                     {{"blocksize", std::int64_t{2}}, {"mode", std::string(pick({"CRD", "DCR"}))}});
        }
        network_.graph.outputs.push_back(node("Sigmoid", {y}));
    }

    void add_float_operator() {
        const Item x = any_item();
        const Shape in = shape(x.real);
        switch (roll(5)) {
            case 0: {
                const Ints kernel = {1 + roll(3), 1 + roll(3)};
                Attributes attributes = {{"kernel_shape", kernel}};
                add_padding(attributes, kernel, false);
                if (chance(30)) attributes.set("ceil_mode", std::int64_t{1});
                if (chance(30)) attributes.set("count_include_pad", std::int64_t{1});
                quantize(node("AveragePool", {x.real}, std::move(attributes)));
                return;
            }
            case 1:
                if (chance(30)) {
                    quantize(node("ReduceMean", {x.real, integers({-1, 2})}));
                } else {
                    quantize(node(pick({"GlobalAveragePool", "GlobalMaxPool"}), {x.real}));
                }
                return;
            case 2: {
                const Ints kernel = {1 + roll(3), 1 + roll(3)};
                const Weights weights = make_weights({in[1], 1 + roll(4), kernel[0], kernel[1]}, 1);
                Attributes attributes;
                add_padding(attributes, kernel, true);
                finish_conv(node("ConvTranspose", {x.real, dequantized(weights, 1)}, std::move(attributes)));
                return;
            }
            case 3:
                quantize(node("Mul", {x.real, any_item().real}));
                return;
            default:
                quantize(node("Softmax", {x.real}, {{"axis", std::int64_t{1}}}));
        }
    }

    std::mt19937 random_;
    RandomNetwork network_;
    onnx::GraphBuilder builder_;
    std::vector<Tensor> values_;  // by value
    std::size_t computed_ = 0;    // nodes
    std::vector<Item> items_;
};

}  // namespace

RandomNetwork random_network(unsigned seed) {
    return Generator(seed).run();
}

}  // namespace octet::test
