#include "apps/common/accumulator_table.h"

#include <algorithm>
#include <map>

#include "engine/npu_emu/accumulators.h"
#include "engine/session.h"

namespace octet::apps {

namespace npu = engine::npu_emu;

Result<std::vector<SeenAccumulators>> see_accumulators(std::shared_ptr<const engine::Executable> executable,
                                                       const quantizer::CalibrationImages& images) {
    const auto& inputs = executable->program().inputs;
    if (inputs.size() != 1 || inputs[0].dtype != DType::float32 || inputs[0].shape.size() != 4 ||
        inputs[0].shape[1] != 3)
        return fail(ErrorCode::unsupported, "pictures are for networks with one input float32 [1,3,h,w]");
    OCTET_ASSIGN(const auto stated, vision::stated_preprocessing(executable->program().metadata));
    const quant::Dataset pictures =
        quantizer::calibration_dataset(images, inputs[0].shape, stated.value_or(vision::Preprocessing()));
    OCTET_ASSIGN(auto session, engine::Session::create(std::move(executable)));
    std::vector<SeenAccumulators> seen;
    std::map<std::string, std::size_t, std::less<>> by_name;
    session.set_observer({.accumulators = [&](const engine::AccumulatorRange& range) {
        const auto [at, fresh] = by_name.emplace(range.name, seen.size());
        if (fresh) seen.push_back({std::string(range.name), range.min, range.max});
        SeenAccumulators& one = seen[at->second];
        one.min = std::min(one.min, range.min);
        one.max = std::max(one.max, range.max);
    }});
    for (std::size_t i = 0; i < images.paths.size(); ++i) {
        OCTET_ASSIGN(const Tensor picture, pictures.load(static_cast<std::int64_t>(i)));
        OCTET_TRY(session.run({&picture, 1}));
    }
    return seen;
}

Table accumulator_table(const engine::Program& program, const std::vector<SeenAccumulators>& seen) {
    Table table{{"convolution", "bits", "16", "24", "32"}, {}};
    if (!seen.empty()) table.header.insert(table.header.end(), {"seen min", "seen max", "seen bits"});
    for (const engine::Op& op : program.ops) {
        const auto* conv = std::get_if<engine::ConvOp>(&op.form);
        if (!conv) continue;
        int bits = 1;
        for (const npu::SumRange& range : npu::sum_ranges(*conv, conv->x.grid.zero_point))
            bits = std::max(bits, npu::bits_of(range));
        std::vector<std::string> row = {op.name, fmt::format("{}", bits)};
        for (int width : {16, 24, 32}) row.emplace_back(bits <= width ? "safe" : "-");
        if (!seen.empty()) {
            const auto found = std::find_if(seen.begin(), seen.end(),
                                            [&](const SeenAccumulators& one) { return one.name == op.name; });
            if (found == seen.end()) {
                row.insert(row.end(), 3, "-");
            } else {
                for (std::int64_t value : {found->min, found->max}) row.push_back(fmt::format("{}", value));
                row.push_back(fmt::format("{}", npu::bits_of({found->min, found->max})));
            }
        }
        table.rows.push_back(std::move(row));
    }
    return table;
}

}  // namespace octet::apps
