#include "quantizer/accumulator_use.h"

#include <algorithm>

#include "engine/session.h"

namespace octet::quantizer {

namespace npu = engine::npu_emu;

std::vector<AccumulatorUse> accumulator_use(const engine::Program& program) {
    std::vector<AccumulatorUse> uses;
    for (const engine::Op& op : program.ops) {
        const auto* conv = std::get_if<engine::ConvOp>(&op.form);
        if (!conv) continue;
        AccumulatorUse use{op.name, 1, {}};
        for (const npu::SumRange& range : npu::sum_ranges(*conv, conv->x.grid.zero_point))
            use.bits = std::max(use.bits, npu::bits_of(range));
        uses.push_back(std::move(use));
    }
    return uses;
}

Result<std::vector<AccumulatorUse>> accumulator_use(std::shared_ptr<const engine::Executable> executable,
                                                    const CalibrationImages& images, std::int64_t limit, int threads) {
    const engine::Program& program = executable->program();
    std::vector<AccumulatorUse> uses = accumulator_use(program);
    const auto& inputs = program.inputs;
    if (inputs.size() != 1 || inputs[0].dtype != DType::float32 || inputs[0].shape.size() != 4 ||
        inputs[0].shape[1] != 3)
        return fail(ErrorCode::unsupported, "pictures are for networks with one input float32 [1,3,h,w]");
    OCTET_ASSIGN(const auto stated, vision::stated_preprocessing(program.metadata));
    const quant::Dataset pictures =
        image_dataset(images.paths, inputs[0].shape, stated.value_or(vision::Preprocessing()));
    OCTET_ASSIGN(auto session, engine::Session::create(std::move(executable), {.threads = threads}));
    session.set_observer({.accumulators = [&](const engine::AccumulatorRange& range) {
        const auto use =
            std::find_if(uses.begin(), uses.end(), [&](const AccumulatorUse& one) { return one.name == range.name; });
        if (use == uses.end()) return;
        if (!use->seen) use->seen = npu::SumRange{range.min, range.max};
        use->seen->min = std::min(use->seen->min, range.min);
        use->seen->max = std::max(use->seen->max, range.max);
    }});
    const auto available = static_cast<std::int64_t>(images.paths.size());
    const std::int64_t count = limit == 0 ? available : std::min(limit, available);
    for (std::int64_t i = 0; i < count; ++i) {
        OCTET_ASSIGN(const Tensor picture, pictures.load(i * available / count));
        OCTET_TRY(session.run({&picture, 1}));
    }
    return uses;
}

}  // namespace octet::quantizer
