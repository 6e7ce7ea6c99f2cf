#include "yolop/pipeline.h"

#include <algorithm>

#include "base/cpus.h"

namespace octet::yolop {

Result<Pipeline> Pipeline::create(const std::shared_ptr<const engine::Executable>& executable, const std::string& name,
                                  int threads, std::optional<std::int64_t> pictures) {
    const std::int64_t all = threads > 0 ? threads : usable_cpus();
    const auto side_by_side = static_cast<int>(std::clamp<std::int64_t>(pictures.value_or(all), 1, all));
    auto pool = std::make_unique<ThreadPool>(side_by_side);
    const engine::SessionOptions options{.threads = static_cast<int>(all) / pool->size()};
    std::vector<Yolop> networks;
    for (int i = 0; i < pool->size(); ++i) {
        OCTET_ASSIGN(Yolop network, Yolop::create(executable, name, options));
        networks.push_back(std::move(network));
    }
    return Pipeline(std::move(pool), std::move(networks));
}

}  // namespace octet::yolop
