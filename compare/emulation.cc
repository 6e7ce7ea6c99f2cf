#include "compare/emulation.h"

#include <algorithm>
#include <utility>

#include "engine/compile.h"
#include "engine/npu_emu/backend.h"

namespace octet::compare {

using engine::QuantId;
using engine::npu_emu::RunState;

namespace {

Tensor& tensor_in(RunState& state, const Slot& slot) {
    return slot.quantized() ? state.values[engine::index_of(slot.value)]
                            : state.tensors[static_cast<std::size_t>(slot.tensor)];
}

bool is_there(const Tensor& tensor) {
    return tensor.raw() != nullptr;
}

std::vector<Slot> slots_read(const engine::Op& op) {
    std::vector<Slot> slots;
    for (const engine::Operand* x : engine::operands(op)) slots.push_back({.value = x->id, .tensor = no_value});
    for (ValueId id : engine::tensors_read(op)) {
        if (id != no_value) slots.push_back({.value = engine::no_quant, .tensor = id});
    }
    return slots;
}

std::vector<Slot> slots_written(const engine::Op& op) {
    std::vector<Slot> slots;
    if (const QuantId y = engine::written(op); y != engine::no_quant) slots.push_back({.value = y, .tensor = no_value});
    for (ValueId id : engine::tensors_written(op)) {
        if (id != no_value) slots.push_back({.value = engine::no_quant, .tensor = id});
    }
    return slots;
}

}  // namespace

Result<std::shared_ptr<const Emulation>> Emulation::create(Graph graph, engine::npu_emu::Profile profile, int threads) {
    const std::shared_ptr<Emulation> made(new Emulation(threads));
    const auto features = kernels::choose_features();
    if (!features) return fail(ErrorCode::invalid_argument, "{}", features.error());
    made->features_ = *features;
    const engine::npu_emu::NpuBackend backend(profile, made->features_);
    OCTET_ASSIGN(made->executable_, engine::compile(std::move(graph), backend));
    made->network_ = &made->executable_->program();
    made->rewrites_ = made->executable_->rewrites();
    made->profile_ = std::move(profile);
    for (const engine::Op& op : made->network_->ops) {
        OCTET_ASSIGN(auto step, engine::npu_emu::make_step(op, *made->network_, made->profile_, made->features_));
        made->steps_.push_back(std::move(step));
    }
    return std::shared_ptr<const Emulation>(made);
}

std::string Emulation::kind(std::size_t op) const {
    const std::string_view operation = engine::npu_emu::operation_of(network_->ops[op], *network_);
    return operation.empty() ? engine::kind_of(network_->ops[op]) : std::string(operation);
}

std::vector<Slot> Emulation::read_by(std::size_t op) const {
    return slots_read(network_->ops[op]);
}
std::vector<Slot> Emulation::written_by(std::size_t op) const {
    return slots_written(network_->ops[op]);
}

const Grid* Emulation::grid(const Slot& slot) const {
    return slot.quantized() ? &network_->values[engine::index_of(slot.value)].grid : nullptr;
}
const Shape& Emulation::shape(const Slot& slot) const {
    return slot.quantized() ? network_->values[engine::index_of(slot.value)].shape
                            : network_->tensors[static_cast<std::size_t>(slot.tensor)].shape;
}
const std::string& Emulation::name(const Slot& slot) const {
    return slot.quantized() ? network_->values[engine::index_of(slot.value)].name
                            : network_->tensors[static_cast<std::size_t>(slot.tensor)].name;
}

RunState Emulation::state_for(const engine::Program& program, std::int64_t work) const {
    constexpr std::int64_t little = 50'000'000;
    RunState state;
    state.pool = work < little ? alone_.get() : pool_.get();
    state.observer = &nobody_;
    state.values.resize(program.values.size());
    state.tensors.resize(program.tensors.size());
    for (const auto& [value, tensor] : program.constants) {
        const auto at = static_cast<std::size_t>(value);
        if (at >= state.tensors.size()) state.tensors.resize(at + 1);
        state.tensors[at] = tensor;
    }
    return state;
}

Result<void> Emulation::run(const Tensors& given, const Visit& visit) const {
    std::int64_t work = 0;
    for (const auto& step : steps_) work += step->macs();
    RunState state = state_for(*network_, work);
    for (const auto& [slot, tensor] : given) tensor_in(state, slot) = tensor;
    std::map<Slot, std::size_t> last_use;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
        for (const Slot& slot : read_by(i)) last_use[slot] = i;
    }
    for (std::size_t i = 0; i < steps_.size(); ++i) {
        const std::vector<Slot> reads = read_by(i);
        const bool can =
            std::all_of(reads.begin(), reads.end(), [&](const Slot& slot) { return is_there(tensor_in(state, slot)); });
        if (can) {
            if (auto done = steps_[i]->run(state); !done)
                return at(fmt::format("node '{}'", steps_[i]->name()), std::move(done).error());
        }
        for (const Slot& slot : written_by(i)) {
            if (!can) {
                const auto found = given.find(slot);
                tensor_in(state, slot) = found == given.end() ? Tensor() : found->second;
            }
            visit(i, slot, tensor_in(state, slot));
        }
        for (const Slot& slot : reads) {
            const bool constant = !slot.quantized() && network_->constants.contains(slot.tensor);
            if (last_use[slot] == i && !constant) tensor_in(state, slot) = Tensor();
        }
    }
    return {};
}

Variant Emulation::as_it_is(std::size_t op) const {
    // What is not around the operator has no names and shapes, which take time to copy.
    Variant variant{network_->ops[op], {}, profile_, {}};
    engine::Program& around = variant.program;
    around.values.resize(network_->values.size());
    around.tensors.resize(network_->tensors.size());
    for (const auto& slots : {read_by(op), written_by(op)}) {
        for (const Slot& slot : slots) {
            const auto i = static_cast<std::size_t>(slot.tensor);
            if (slot.quantized()) {
                const std::size_t value = engine::index_of(slot.value);
                around.values[value] = network_->values[value];
            } else if (const auto constant = network_->constants.find(slot.tensor);
                       constant != network_->constants.end()) {
                around.constants.insert(*constant);
            } else {
                around.tensors[i] = network_->tensors[i];
            }
        }
    }
    return variant;
}

Result<Tensor> Emulation::run_range(const std::vector<std::size_t>& range, const Tensors& known,
                                    const std::map<std::size_t, Variant>& variants) const {
    std::int64_t work = 0;
    for (std::size_t i : range) work += steps_[i]->macs();
    for (const auto& [slot, tensor] : known) work += tensor.size();
    RunState state = state_for(*network_, work);
    for (const auto& [slot, tensor] : known) tensor_in(state, slot) = tensor;
    for (std::size_t i : range) {
        const auto variant = variants.find(i);
        if (variant == variants.end()) {
            OCTET_TRY(steps_[i]->run(state));
            continue;
        }
        const Variant& other = variant->second;
        OCTET_ASSIGN(const auto step, engine::npu_emu::make_step(other.op, other.program, other.profile, features_));
        OCTET_TRY(step->run(state));
        if (other.behind) other.behind(state, tensor_in(state, slots_written(other.op).front()));
    }
    return std::move(tensor_in(state, written_by(range.back()).front()));
}

Result<Tensor> Emulation::run_variant(const Variant& variant, const Tensors& known) const {
    RunState state = state_for(variant.program, variant.op.macs);
    for (const auto& [slot, tensor] : known) tensor_in(state, slot) = tensor;
    OCTET_ASSIGN(const auto step, engine::npu_emu::make_step(variant.op, variant.program, variant.profile, features_));
    OCTET_TRY(step->run(state));
    Tensor& y = tensor_in(state, slots_written(variant.op).front());
    if (variant.behind) variant.behind(state, y);
    return std::move(y);
}

}  // namespace octet::compare
