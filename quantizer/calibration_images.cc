#include "quantizer/calibration_images.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/digest.h"
#include "base/file.h"
#include "base/ordered_pipeline.h"
#include "vision/letterbox.h"
#include "vision/pixels.h"
#include "yolop/evaluate.h"

namespace octet::quantizer {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_image_file = std::size_t{256} << 20;

constexpr std::int64_t least_to_spare = 16, most_held_out = 32;

// At most so many of those that are `value`, evenly spread over them.
std::vector<bool> spread(const std::vector<bool>& all, bool value, std::int64_t most) {
    const auto there = static_cast<std::int64_t>(std::count(all.begin(), all.end(), value));
    const std::int64_t count = std::min(there, most);
    std::vector<bool> taken(all.size(), false);
    std::int64_t seen = 0, made = 0;
    for (std::size_t i = 0; i < all.size() && made < count; ++i) {
        if (all[i] != value || seen++ != made * there / count) continue;
        taken[i] = true;
        ++made;
    }
    return taken;
}

Result<std::string> digest_of_readable(const std::string& path) {
    OCTET_ASSIGN(const auto bytes, read_file(path, largest_image_file));
    OCTET_TRY(vision::decode_image(bytes, path, 3));
    return digest(bytes);
}

}  // namespace

Result<vision::ImageFolder> calibration_files(const std::string& path) {
    std::error_code error;
    if (fs::is_regular_file(path, error)) return vision::ImageFolder{{path}, {}};
    const fs::path subfolder = fs::path(path) / "images";
    return vision::list_images(fs::is_directory(subfolder, error) ? subfolder.string() : path);
}

Result<CalibrationImages> find_calibration_images(const std::string& path, std::int64_t limit, ThreadPool& pool,
                                                  const std::function<void(std::int64_t, std::int64_t)>& progress) {
    OCTET_ASSIGN(const vision::ImageFolder folder, calibration_files(path));
    const std::vector<std::string>& files = folder.images;
    CalibrationImages images;
    images.passed_over = folder.passed_over;
    std::vector<std::pair<std::string, std::string>> readable;  // digest, path
    std::size_t next = 0;
    std::int64_t done = 0;
    struct Slot {
        std::string file;
        Result<std::string> digest;
    };
    std::vector<Slot> slots(static_cast<std::size_t>(pipeline_slots(pool)));
    run_pipeline(pool, static_cast<int>(slots.size()),
                 {.take =
                      [&](int slot) {
                          if (next == files.size()) return false;
                          slots[static_cast<std::size_t>(slot)].file = files[next++];
                          return true;
                      },
                  .work =
                      [&](int slot, int) {
                          Slot& one = slots[static_cast<std::size_t>(slot)];
                          one.digest = digest_of_readable(one.file);
                      },
                  .give =
                      [&](int slot) {
                          const Slot& one = slots[static_cast<std::size_t>(slot)];
                          if (one.digest) {
                              readable.emplace_back(*one.digest, one.file);
                          } else {
                              images.skipped.emplace_back(one.file, one.digest.error().message);
                          }
                          if (progress) progress(++done, static_cast<std::int64_t>(files.size()));
                          return true;
                      }});
    if (readable.empty()) {
        return fail(ErrorCode::invalid_argument, "{}: none of its {} images can be read; the first: {}", path,
                    files.size(), images.skipped.front().second);
    }
    std::sort(readable.begin(), readable.end());
    const auto available = static_cast<std::int64_t>(readable.size());
    const std::int64_t count = limit > 0 ? std::min(limit, available) : available;
    std::vector<bool> chosen(readable.size(), false);
    for (std::int64_t i = 0; i < count; ++i) chosen[static_cast<std::size_t>(i * available / count)] = true;
    std::vector<bool> held_out = spread(chosen, false, most_held_out);
    if (count == available && count >= least_to_spare)
        held_out = spread(chosen, true, std::min(most_held_out, count / 8));
    std::vector<std::string> digests;
    for (std::size_t i = 0; i < readable.size(); ++i) {
        if (held_out[i]) {
            images.held_out.push_back(readable[i].second);
        } else if (chosen[i]) {
            digests.push_back(readable[i].first);
            images.paths.push_back(readable[i].second);
        }
    }
    images.digest = digest(digests);
    return images;
}

quant::Dataset image_dataset(const std::vector<std::string>& paths, const Shape& input,
                             const vision::Preprocessing& preprocessing) {
    const auto pictures = static_cast<std::int64_t>(paths.size());
    const auto load = [&paths, preprocessing, input, pictures](std::int64_t i) -> Result<Tensor> {
        const auto height = static_cast<int>(input[2]), width = static_cast<int>(input[3]);
        Tensor batch(DType::float32, input);
        float* out = batch.mutable_data<float>().data();
        for (std::int64_t k = 0; k < input[0]; ++k) {
            const std::string& path = paths[static_cast<std::size_t>((i * input[0] + k) % pictures)];
            OCTET_ASSIGN(const vision::Image frame, vision::load_image(path));
            const Tensor picture = vision::normalized_input(
                vision::letterbox(frame, width, height, preprocessing.letterbox).canvas, preprocessing.normalization);
            const auto values = picture.data<float>();
            out = std::copy(values.begin(), values.end(), out);
        }
        return batch;
    };
    return {std::max<std::int64_t>(1, pictures / input[0]), load};
}

}  // namespace octet::quantizer
