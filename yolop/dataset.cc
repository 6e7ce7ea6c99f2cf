#include "yolop/dataset.h"

#include <set>
#include <sstream>

#include "base/file.h"
#include "vision/image_files.h"

namespace octet::yolop {
namespace {

constexpr std::size_t max_text_file = std::size_t{1} << 26;

Result<std::string> read_text(const std::string& path) {
    OCTET_ASSIGN(const auto bytes, read_file(path, max_text_file));
    return std::string(bytes.begin(), bytes.end());
}

Result<vision::Image> load_label(const std::string& path, const vision::Image& frame) {
    OCTET_ASSIGN(vision::Image label, vision::load_grey(path));
    if (label.width != frame.width || label.height != frame.height)
        return fail(ErrorCode::invalid_argument, "{}: {}x{} pixels, but its frame has {}x{}", path, label.width,
                    label.height, frame.width, frame.height);
    return label;
}

struct SampleFiles {
    std::string images, boxes, drivable, lane;  // images: the folder that has the frame
};

SampleFiles files_of(const Dataset& dataset, const std::string& name) {
    const auto path_of = [&](const char* kind, const char* extension) {
        return fmt::format("{}/{}/{}{}", dataset.folder, kind, name, extension);
    };
    return {.images = dataset.folder + "/images",
            .boxes = path_of("boxes", ".txt"),
            .drivable = path_of("drivable", ".png"),
            .lane = path_of("lane", ".png")};
}

std::string list_of(const std::string& folder) {
    return folder + "/list.txt";
}

}  // namespace

std::vector<std::string> dataset_files(const Dataset& dataset) {
    std::vector<std::string> paths{list_of(dataset.folder)};
    for (const std::string& name : dataset.names) {
        const SampleFiles files = files_of(dataset, name);
        paths.insert(paths.end(), {files.boxes, files.drivable, files.lane});
        if (auto frame = vision::find_image(files.images, name)) paths.push_back(std::move(*frame));
    }
    return paths;
}

Result<Dataset> load_dataset(const std::string& folder) {
    const std::string path = list_of(folder);
    OCTET_ASSIGN(const std::string text, read_text(path));
    Dataset dataset{folder, {}};
    std::set<std::string> seen;
    std::istringstream lines(text);
    for (std::string name; lines >> name;) {
        if (file_name_for(name) != name)
            return fail(ErrorCode::invalid_argument, "{}: '{}' is not a file name", path, name);
        if (!seen.insert(name).second) return fail(ErrorCode::invalid_argument, "{}: '{}' comes twice", path, name);
        dataset.names.push_back(name);
    }
    if (dataset.names.empty()) return fail(ErrorCode::invalid_argument, "{}: no names", path);
    return dataset;
}

Result<Sample> load_sample(const Dataset& dataset, const std::string& name) {
    const SampleFiles files = files_of(dataset, name);
    Sample sample;
    OCTET_ASSIGN(const std::string frame, vision::find_image(files.images, name));
    OCTET_ASSIGN(sample.frame, vision::load_image(frame));
    OCTET_ASSIGN(const std::string text, read_text(files.boxes));
    OCTET_ASSIGN(sample.vehicles, parse_boxes(text, files.boxes));
    OCTET_ASSIGN(sample.drivable, load_label(files.drivable, sample.frame));
    OCTET_ASSIGN(sample.lane, load_label(files.lane, sample.frame));
    return sample;
}

Result<std::vector<Box>> parse_boxes(const std::string& text, const std::string& name) {
    std::vector<Box> boxes;
    std::istringstream lines(text);
    int number = 0;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
        std::istringstream fields(line);
        Box box;
        if (!(fields >> box.x1 >> box.y1 >> box.x2 >> box.y2) || !(fields >> std::ws).eof() || box.x2 < box.x1 ||
            box.y2 < box.y1)
            return fail(ErrorCode::invalid_argument, "{}:{}: '{}' is not 'x1 y1 x2 y2'", name, number, line);
        boxes.push_back(box);
    }
    return boxes;
}

}  // namespace octet::yolop
