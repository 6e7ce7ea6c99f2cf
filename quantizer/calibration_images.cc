#include "quantizer/calibration_images.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/digest.h"
#include "base/file.h"
#include "vision/letterbox.h"
#include "vision/pixels.h"
#include "yolop/evaluate.h"

namespace octet::quantizer {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_image_file = std::size_t{256} << 20;

}  // namespace

Result<vision::ImageFolder> calibration_files(const std::string& path) {
    std::error_code error;
    if (fs::is_regular_file(path, error)) return vision::ImageFolder{{path}, {}};
    const fs::path subfolder = fs::path(path) / "images";
    return vision::list_images(fs::is_directory(subfolder, error) ? subfolder.string() : path);
}

Result<CalibrationImages> find_calibration_images(const std::string& path, std::int64_t limit,
                                                  const std::function<void(std::int64_t, std::int64_t)>& progress) {
    OCTET_ASSIGN(const vision::ImageFolder folder, calibration_files(path));
    const std::vector<std::string>& files = folder.images;
    CalibrationImages images;
    images.passed_over = folder.passed_over;
    std::vector<std::pair<std::string, std::string>> readable;  // digest, path
    for (std::size_t i = 0; i < files.size(); ++i) {
        const auto read = [&]() -> Result<void> {
            OCTET_ASSIGN(const auto bytes, read_file(files[i], largest_image_file));
            OCTET_TRY(vision::decode_image(bytes, files[i], 3));
            readable.emplace_back(digest(bytes), files[i]);
            return {};
        };
        if (auto result = read(); !result) images.skipped.emplace_back(files[i], result.error().message);
        if (progress) progress(static_cast<std::int64_t>(i) + 1, static_cast<std::int64_t>(files.size()));
    }
    if (readable.empty()) {
        return fail(ErrorCode::invalid_argument, "{}: none of its {} images can be read; the first: {}", path,
                    files.size(), images.skipped.front().second);
    }
    std::sort(readable.begin(), readable.end());
    const auto available = static_cast<std::int64_t>(readable.size());
    const std::int64_t count = limit > 0 ? std::min(limit, available) : available;
    std::vector<std::string> digests;
    for (std::int64_t i = 0; i < count; ++i) {
        const auto& [image_digest, image_path] = readable[static_cast<std::size_t>(i * available / count)];
        digests.push_back(image_digest);
        images.paths.push_back(image_path);
    }
    images.digest = digest(digests);
    return images;
}

quant::Dataset calibration_dataset(const CalibrationImages& images, const Shape& input,
                                   const vision::Preprocessing& preprocessing) {
    const auto load = [&images, preprocessing, height = static_cast<int>(input[2]),
                       width = static_cast<int>(input[3])](std::int64_t i) -> Result<Tensor> {
        OCTET_ASSIGN(const vision::Image frame, vision::load_image(images.paths[static_cast<std::size_t>(i)]));
        return vision::normalized_input(vision::letterbox(frame, width, height, preprocessing.letterbox).canvas,
                                        preprocessing.normalization);
    };
    return {static_cast<std::int64_t>(images.paths.size()), load};
}

}  // namespace octet::quantizer
