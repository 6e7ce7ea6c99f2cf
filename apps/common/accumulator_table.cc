#include "apps/common/accumulator_table.h"

#include <algorithm>

namespace octet::apps {

Table accumulator_table(const std::vector<quantizer::AccumulatorUse>& uses) {
    const bool any_seen = std::any_of(uses.begin(), uses.end(), [](const auto& use) { return use.seen.has_value(); });
    Table table{{"convolution", "bits", "16", "24", "32"}, {}};
    if (any_seen) table.header.insert(table.header.end(), {"seen min", "seen max", "seen bits"});
    for (const quantizer::AccumulatorUse& use : uses) {
        std::vector<std::string> row = {use.name, fmt::format("{}", use.bits)};
        for (int width : {16, 24, 32}) row.emplace_back(use.bits <= width ? "safe" : "-");
        if (use.seen) {
            for (std::int64_t value : {use.seen->min, use.seen->max}) row.push_back(fmt::format("{}", value));
            row.push_back(fmt::format("{}", engine::npu_emu::bits_of(*use.seen)));
        } else if (any_seen) {
            row.insert(row.end(), 3, "-");
        }
        table.rows.push_back(std::move(row));
    }
    return table;
}

}  // namespace octet::apps
