#include "graph/ops/op_list.h"

#include <algorithm>
#include <array>

#include "graph/ops/op_table.h"

namespace octet {

std::span<const OpDef* const> op_list() {
    static const auto list = [] {
#define OCTET_OP_POINTER(NAME) &ops::op_##NAME,
        std::array defs = {OCTET_OP_TABLE(OCTET_OP_POINTER)};
#undef OCTET_OP_POINTER
        std::sort(defs.begin(), defs.end(), [](const OpDef* a, const OpDef* b) { return a->name < b->name; });
        return defs;
    }();
    return list;
}

const OpDef* find_op(std::string_view name) {
    const auto list = op_list();
    const auto it = std::lower_bound(list.begin(), list.end(), name,
                                     [](const OpDef* def, std::string_view wanted) { return def->name < wanted; });
    return it != list.end() && (*it)->name == name ? *it : nullptr;
}

}  // namespace octet
