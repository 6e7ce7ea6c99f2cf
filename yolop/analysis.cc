#include "yolop/analysis.h"

#include <utility>

#include "base/stopwatch.h"
#include "yolop/overlay.h"

namespace octet::yolop {

Result<Analysis> analyse(Yolop& network, const vision::Image& frame, const DetectionOptions& options) {
    OCTET_ASSIGN(YolopResult result, network.run(frame, options));
    Stopwatch watch;
    Analysis analysis{.drivable = vision::frame_mask(result.drivable, result.transform),
                      .lane = vision::frame_mask(result.lane, result.transform)};
    analysis.drivable_pct = covered_pct(analysis.drivable);
    analysis.lane_pct = covered_pct(analysis.lane);
    result.times.postprocess_ms += watch.lap();
    analysis.result = std::move(result);
    return analysis;
}

}  // namespace octet::yolop
