#include "vision/video.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <string_view>

#include "vision/image_files.h"

namespace octet::vision {
namespace {

constexpr std::array<std::string_view, 31> video_extensions = {
    ".mp4",  ".m4v", ".mov", ".mkv", ".webm", ".avi",   ".ts",   ".m2ts", ".mts", ".mpg",  ".mpeg",
    ".wmv",  ".flv", ".ogv", ".3gp", ".vob",  ".mxf",   ".y4m",  ".h264", ".264", ".h265", ".265",
    ".hevc", ".ivf", ".obu", ".m1v", ".m2v",  ".mjpeg", ".mjpg", ".nut",  ".asf"};

// The module's one function.
using LibraryFunction = const VideoLibrary*();

}  // namespace

bool is_video_name(const std::string& path) {
    std::string extension = std::filesystem::path(path).extension().string();
    for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return std::find(video_extensions.begin(), video_extensions.end(), extension) != video_extensions.end();
}

bool is_frame_pattern(const std::string& path) {
    // % digits d
    const std::size_t percent = path.find('%');
    if (percent == std::string::npos || !is_image_name(path)) return false;
    const std::size_t end = path.find_first_not_of("0123456789", percent + 1);
    std::error_code error;
    return end != std::string::npos && path[end] == 'd' && !std::filesystem::exists(path, error);
}

Result<const VideoLibrary*> video_library() {
    static const Result<const VideoLibrary*> library = []() -> Result<const VideoLibrary*> {
        // Found by the run path of the program.
        void* module = ::dlopen("octet_video.so", RTLD_NOW | RTLD_LOCAL);
        if (module == nullptr)
            return fail(ErrorCode::unsupported,
                        "videos are not read: {}. Install libavformat-dev, libavcodec-dev, libavdevice-dev and "
                        "libswscale-dev, then configure (OCTET_VIDEO=ON) and build again; pictures work without them",
                        ::dlerror());
        auto* function = reinterpret_cast<LibraryFunction*>(::dlsym(module, "octet_video_library"));
        if (function == nullptr)
            return fail(ErrorCode::unsupported, "videos are not read: octet_video.so is of another octet");
        return function();
    }();
    return library;
}

}  // namespace octet::vision
