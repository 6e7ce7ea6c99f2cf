#include "engine/npu_emu/offload.h"

#include <algorithm>
#include <map>
#include <set>

#include "engine/arena.h"
#include "engine/npu_emu/rewrite.h"
#include "engine/npu_emu/step.h"

namespace octet::engine::npu_emu {
namespace {

constexpr std::size_t arena_alignment = 16;

OffloadTensor describe(const QuantValue& value) {
    return {value.name, value.grid.dtype, value.shape,
            element_count(value.shape).value() * static_cast<std::int64_t>(dtype_size(value.grid.dtype))};
}

std::int64_t weight_bytes_of(const Op& op) {
    if (const auto* norm = std::get_if<BatchNormOp>(&op.form)) {
        const auto channels = static_cast<std::int64_t>(norm->gain.size());
        return channels * static_cast<std::int64_t>(sizeof(std::int8_t) + sizeof(std::int32_t));
    }
    const auto* conv = std::get_if<ConvOp>(&op.form);
    if (!conv) return 0;
    const std::size_t of_bias = conv->x.grid.dtype == DType::int16 ? sizeof(std::int64_t) : sizeof(std::int32_t);
    const std::size_t channels = conv->bias.size();
    return conv->weights.size() + static_cast<std::int64_t>(channels * of_bias);
}

// Reasons begin with the node that they are about; of the node's own reason that is left out.
std::string reason_of(const Op& op, const std::string& reason) {
    for (const std::string& start :
         {fmt::format("'{}': ", op.name), fmt::format("'{}' ({}): ", op.name, kind_of(op))}) {
        if (reason.rfind(start, 0) == 0) return reason.substr(start.size());
    }
    return reason;
}

bool is_conversion(const Op& op) {
    return std::holds_alternative<QuantizeOp>(op.form) || std::holds_alternative<DequantizeOp>(op.form) ||
           std::holds_alternative<InputOp>(op.form) || std::holds_alternative<OutputOp>(op.form);
}

// Element by element, or the same bytes in another shape.
bool may_write_over_its_input(const Op& op) {
    if (const auto* move = std::get_if<MoveOp>(&op.form)) {
        const std::set<std::string> reshapes = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"};
        return reshapes.contains(move->node.op);
    }
    return std::holds_alternative<TableOp>(op.form) || std::holds_alternative<AddOp>(op.form) ||
           std::holds_alternative<MulOp>(op.form);
}

class Planner {
  public:
    Planner(const Program& program, Offload& offload) : program_(program), offload_(offload) {}

    void run() {
        order_in_stages();
        find_borders();
        find_memory();
    }

  private:
    OffloadNode& node(std::size_t op) { return offload_.nodes[op]; }
    const QuantValue& value(std::size_t id) const { return program_.values[id]; }

    // The operators whose results each one reads.
    std::vector<std::vector<std::size_t>> dependencies() const {
        std::vector<std::vector<std::size_t>> all(program_.ops.size());
        std::map<QuantId, std::size_t> integers;
        std::map<ValueId, std::size_t> tensors;
        for (std::size_t i = 0; i < program_.ops.size(); ++i) {
            const Op& op = program_.ops[i];
            for (const Operand* x : operands(op)) {
                if (const auto found = integers.find(x->id); found != integers.end()) all[i].push_back(found->second);
            }
            for (ValueId id : tensors_read(op)) {
                if (const auto found = tensors.find(id); found != tensors.end()) all[i].push_back(found->second);
            }
            if (const QuantId y = written(op); y != no_quant) integers[y] = i;
            for (ValueId id : tensors_written(op)) tensors[id] = i;
        }
        return all;
    }

    void order_in_stages() {
        const auto needs = dependencies();
        std::vector<bool> done(program_.ops.size(), false);
        for (bool npu = false; order_.size() < program_.ops.size(); npu = !npu) {
            Partition partition;
            for (std::size_t i = 0; i < program_.ops.size(); ++i) {
                const bool on_npu = node(i).place == OffloadPlace::npu;
                const bool ready =
                    std::all_of(needs[i].begin(), needs[i].end(), [&](std::size_t n) { return done[n]; });
                if (done[i] || on_npu != npu || !ready) continue;
                done[i] = true;
                order_.push_back(i);
                if (!npu) continue;
                node(i).partition = static_cast<int>(offload_.partitions.size());
                partition.nodes.push_back(i);
                partition.macs += node(i).macs;
                partition.weight_bytes += node(i).weight_bytes;
            }
            if (partition.nodes.empty()) continue;
            offload_.weight_bytes += partition.weight_bytes;
            offload_.partitions.push_back(std::move(partition));
        }
    }

    void find_borders() {
        constexpr int nowhere = -2;
        std::vector<int> made_in(program_.values.size(), nowhere);
        std::vector<std::set<int>> read_in(program_.values.size());
        for (std::size_t i = 0; i < program_.ops.size(); ++i) {
            const Op& op = program_.ops[i];
            if (const QuantId y = written(op); y != no_quant) made_in[index_of(y)] = node(i).partition;
            for (const Operand* x : operands(op)) read_in[index_of(x->id)].insert(node(i).partition);
        }
        for (std::size_t v = 0; v < program_.values.size(); ++v) {
            const OffloadTensor tensor = describe(value(v));
            for (int reader : read_in[v]) {
                if (reader < 0 || reader == made_in[v]) continue;
                Partition& partition = offload_.partitions[static_cast<std::size_t>(reader)];
                partition.inputs.push_back(tensor);
                partition.input_bytes += tensor.bytes;
            }
            const bool leaves =
                std::any_of(read_in[v].begin(), read_in[v].end(), [&](int reader) { return reader != made_in[v]; });
            if (made_in[v] < 0 || !leaves) continue;
            Partition& partition = offload_.partitions[static_cast<std::size_t>(made_in[v])];
            partition.outputs.push_back(tensor);
            partition.output_bytes += tensor.bytes;
        }
    }

    void find_memory() {
        const int end = static_cast<int>(order_.size());
        constexpr int never = -1;
        struct Use {
            int first = never, last = never;
            bool on_npu = false;
            std::size_t piece = 0;
        };
        std::vector<Use> uses(program_.values.size());
        for (int step = 0; step < end; ++step) {
            const std::size_t i = order_[static_cast<std::size_t>(step)];
            const Op& op = program_.ops[i];
            const auto touch = [&](QuantId id, int first, int last) {
                Use& use = uses[index_of(id)];
                if (use.first == never) use.first = first;
                use.last = std::max(use.last, last);
                use.on_npu |= node(i).place == OffloadPlace::npu;
            };
            if (const QuantId y = written(op); y != no_quant)
                touch(y, std::holds_alternative<InputOp>(op.form) ? 0 : step, step);
            for (const Operand* x : operands(op))
                touch(x->id, step, std::holds_alternative<OutputOp>(op.form) ? end : step);
        }
        std::vector<Lifetime> pieces;
        const auto bytes_of = [&](std::size_t id) { return static_cast<std::size_t>(describe(value(id)).bytes); };
        for (int step = 0; step < end; ++step) {
            const std::size_t i = order_[static_cast<std::size_t>(step)];
            const Op& op = program_.ops[i];
            const QuantId written_id = written(op);
            if (written_id == no_quant || !uses[index_of(written_id)].on_npu) continue;
            const std::size_t y = index_of(written_id);
            const auto inputs = operands(op);
            const auto over = std::find_if(inputs.begin(), inputs.end(), [&](const Operand* x) {
                const std::size_t id = index_of(x->id);
                return node(i).place == OffloadPlace::npu && may_write_over_its_input(op) && uses[id].last == step &&
                       bytes_of(id) == bytes_of(y);
            });
            if (over != inputs.end()) {
                uses[y].piece = uses[index_of((*over)->id)].piece;
                pieces[uses[y].piece].last_step = uses[y].last;
            } else {
                uses[y].piece = pieces.size();
                pieces.push_back({bytes_of(y), uses[y].first, uses[y].last});
            }
            OffloadTensor tensor = describe(value(y));
            if (!offload_.largest || tensor.bytes > offload_.largest->bytes) offload_.largest = std::move(tensor);
        }
        offload_.arena_bytes = static_cast<std::int64_t>(place(pieces, arena_alignment).bytes);
        for (int step = 0; step <= end; ++step) {
            std::int64_t alive = 0;
            for (const Lifetime& piece : pieces) {
                if (piece.first_step <= step && step <= piece.last_step)
                    alive += static_cast<std::int64_t>(piece.bytes);
            }
            offload_.peak_bytes = std::max(offload_.peak_bytes, alive);
        }
    }

    const Program& program_;
    Offload& offload_;
    std::vector<std::size_t> order_;  // of execution
};

}  // namespace

std::size_t Offload::count(OffloadPlace place) const {
    return static_cast<std::size_t>(
        std::count_if(nodes.begin(), nodes.end(), [&](const OffloadNode& node) { return node.place == place; }));
}

std::int64_t Offload::macs(OffloadPlace place) const {
    std::int64_t sum = 0;
    for (const OffloadNode& node : nodes) sum += node.place == place ? node.macs : 0;
    return sum;
}

Offload plan_offload(Program program, const Profile& profile, kernels::CpuFeatures features) {
    Offload offload;
    offload.rewrites = rewrite(program, profile);
    for (const Op& op : program.ops) {
        OffloadNode node{op.name, kind_of(op), op.nodes, {}, op.macs, weight_bytes_of(op), OffloadPlace::cpu, -1, {}};
        if (const QuantId y = written(op); y != no_quant) node.result = describe(program.values[index_of(y)]);
        if (const auto* form = std::get_if<FloatOp>(&op.form)) {
            node.reason = reason_of(op, form->reason);
        } else if (is_conversion(op)) {
            node.place = OffloadPlace::conversion;
        } else if (const auto step = make_step(op, program, profile, features); !step) {
            node.reason = step.error().message;
        } else {
            node.place = OffloadPlace::npu;
        }
        offload.nodes.push_back(std::move(node));
    }
    Planner(program, offload).run();
    return offload;
}

}  // namespace octet::engine::npu_emu
