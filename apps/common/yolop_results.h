#pragma once

// What yolop-run says of a picture or a frame of a video.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "yolop/analysis.h"

namespace octet::apps {

// Of one picture, or the sum of several.
struct StageTimes {
    double load_ms = 0;
    yolop::YolopTimes network;  // postprocess_ms has the masks too
    double draw_ms = 0;
    double write_ms = 0;

    StageTimes& operator+=(const StageTimes& other);
};

struct YolopFinding {
    std::vector<yolop::Detection> vehicles{};
    double drivable_pct = 0, lane_pct = 0;
    int width = 0, height = 0;  // of the frame
    StageTimes times{};
};

// Without what is large.
YolopFinding finding_of(const yolop::Analysis& analysis);

// "NAME: 3 vehicles, drivable 25.4 %, …"
std::string line_of(const std::string& name, const YolopFinding& finding);

// Vehicles, areas, sizes and times, without a name.
nlohmann::json json_of(const YolopFinding& finding);

// 0.3, not the 0.30000001192092896 that it is as a double.
double shortest(float value);

// "48 pictures, 1 of them failed, in 2.1 s, 22.9 a second; of the threads' time load 9 %, network 70 %, …". `what` in
// the singular.
std::string summary_of(const std::string& what, std::int64_t count, std::int64_t failed, double seconds,
                       const StageTimes& times);

}  // namespace octet::apps
