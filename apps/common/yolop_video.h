#pragma once

// yolop-run on videos.

#include <string>
#include <vector>

#include "apps/common/cli.h"
#include "vision/video.h"
#include "yolop/pipeline.h"

namespace octet::apps {

struct VideoJob {
    std::string program;
    vision::VideoSource source;  // all but the path
    std::string out_folder = ".";
    bool no_overlay = false;
    std::string encoder;  // FFmpeg's name; empty: the usual one
    std::string json;     // file for a line a frame, or "-" for stdout; empty: none
    yolop::DetectionOptions detection;
};

// A file's name, a pattern of numbered pictures, or stdin.
bool is_video(const std::string& path);

// NAME.yolop.mp4 in the folder; empty with no_overlay.
std::string video_file_for(const std::string& path, const VideoJob& job);

// What one video after the other gives; a failure does not end the next one. Asked to end (interruption.h), it leaves
// complete files of the frames before.
Result<ExitCode> run_videos(const std::vector<std::string>& paths, const VideoJob& job, yolop::Pipeline& pipeline);

}  // namespace octet::apps
