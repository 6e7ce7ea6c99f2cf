#include "graph/passes/pass.h"

namespace octet {

int eliminate_dead(Graph& graph) {
    return graph.remove_dead();
}

}  // namespace octet
