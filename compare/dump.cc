#include "compare/dump.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <utility>

#include "base/file.h"
#include "base/json_text.h"
#include "base/parse_number.h"
#include "frontends/npy.h"

namespace octet::compare {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr std::size_t largest_manifest = std::size_t{1} << 26;
constexpr std::size_t most_entries = 100'000;
constexpr std::size_t largest_text_number = 40;  // characters

bool is_text(const std::string& file) {
    return file.ends_with(".txt") || file.ends_with(".csv");
}
bool is_raw(const std::string& file) {
    return file.ends_with(".bin") || file.ends_with(".raw");
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
    return text;
}

std::optional<DType> type_named(const std::string& name) {
    static const std::map<std::string, DType> names = {
        {"u8", DType::uint8},    {"uint8", DType::uint8},     {"s8", DType::int8},         {"i8", DType::int8},
        {"int8", DType::int8},   {"s16", DType::int16},       {"i16", DType::int16},       {"int16", DType::int16},
        {"u16", DType::uint16},  {"uint16", DType::uint16},   {"s32", DType::int32},       {"i32", DType::int32},
        {"int32", DType::int32}, {"f32", DType::float32},     {"float32", DType::float32}, {"float", DType::float32},
        {"f64", DType::float64}, {"float64", DType::float64},
    };
    const auto found = names.find(lower(name));
    return found == names.end() ? std::nullopt : std::optional(found->second);
}

// "nchw", "NC1HWC2", "nc1hwc2_16"
bool read_layout(const std::string& text, DumpEntry& entry) {
    const std::string name = lower(text);
    const std::size_t under = name.find('_');
    const auto layout = parse_layout(name.substr(0, under));
    if (!layout) return false;
    if (under != std::string::npos) {
        const auto block = parse_number<int>(name.substr(under + 1));
        if (!block || *block < 1 || *block > 1024) return false;
        entry.block = *block;
    }
    entry.layout = layout;
    return true;
}

// Members of an object of the manifest, none of which need be what it should.
class Member {
  public:
    Member(const Json& json, std::string where) : json_(json), where_(std::move(where)) {}

    Result<std::string> text(const char* key) const {
        const auto found = json_.find(key);
        if (found == json_.end() || found->is_null()) return std::string();
        if (!found->is_string()) return refuse(key, "is no text");
        return found->get<std::string>();
    }
    Result<std::optional<Shape>> shape(const char* key) const {
        const auto found = json_.find(key);
        if (found == json_.end() || found->is_null()) return std::optional<Shape>();
        if (!found->is_array() || found->size() > 8) return refuse(key, "is no list of at most 8 sizes");
        Shape shape;
        for (const Json& size : *found) {
            auto count = count_from(size, max_elements);
            if (!count) return refuse(key, count.error().message);
            shape.push_back(*count);
        }
        if (!element_count(shape)) return refuse(key, "has too many elements");
        return std::optional(shape);
    }
    Result<std::optional<double>> number(const char* key) const {
        const auto found = json_.find(key);
        if (found == json_.end() || found->is_null()) return std::optional<double>();
        if (!found->is_number()) return refuse(key, "is no number");
        const auto value = found->get<double>();
        if (!std::isfinite(value)) return refuse(key, "is no number");
        return std::optional(value);
    }
    tl::unexpected<Error> refuse(const char* key, std::string_view why) const {
        return fail(ErrorCode::invalid_argument, "{}: \"{}\" {}", where_, key, why);
    }
    const std::string& where() const { return where_; }

  private:
    const Json& json_;
    std::string where_;
};

Result<void> read_form(const Member& member, DumpEntry& entry) {
    OCTET_ASSIGN(const std::string dtype, member.text("dtype"));
    if (!dtype.empty()) {
        entry.dtype = type_named(dtype);
        if (!entry.dtype) return member.refuse("dtype", fmt::format("'{}' is no type of a dump", dtype));
    }
    OCTET_ASSIGN(const std::string layout, member.text("layout"));
    if (!layout.empty() && layout != "as-file" && !read_layout(layout, entry))
        return member.refuse("layout", fmt::format("'{}' is none of nchw, nhwc, nc1hwc2, nc4hw4", layout));
    return {};
}

Result<DumpEntry> read_entry(const Json& json, const DumpEntry& defaults, const std::string& where) {
    if (!json.is_object()) return fail(ErrorCode::invalid_argument, "{}: is no object", where);
    DumpEntry entry = defaults;
    Member unnamed(json, where);
    OCTET_ASSIGN(entry.name, unnamed.text("name"));
    OCTET_ASSIGN(entry.file, unnamed.text("file"));
    if (entry.name.empty()) entry.name = entry.file;
    if (entry.name.empty()) return unnamed.refuse("name", "is missing");
    const Member member(json, fmt::format("{}, tensor '{}'", where, entry.name));
    entry.where = member.where();
    OCTET_ASSIGN(entry.onnx, member.text("onnx"));
    OCTET_ASSIGN(entry.op, member.text("op"));
    OCTET_TRY(read_form(member, entry));
    OCTET_ASSIGN(entry.shape, member.shape("shape"));
    OCTET_ASSIGN(entry.shape_nchw, member.shape("shape_nchw"));
    OCTET_ASSIGN(const auto nhwc, member.shape("shape_nhwc"));
    if (nhwc && nhwc->size() == 4) entry.shape_nchw = Shape{(*nhwc)[0], (*nhwc)[3], (*nhwc)[1], (*nhwc)[2]};
    OCTET_ASSIGN(entry.scale, member.number("scale"));
    if (entry.scale && !(*entry.scale > 0)) return member.refuse("scale", "is not above 0");
    OCTET_ASSIGN(const auto zero, member.number("zero_point"));
    if (zero) {
        if (*zero != std::round(*zero) || std::abs(*zero) > 65536)
            return member.refuse("zero_point", "is no integer of 16 bits");
        entry.zero_point = static_cast<int>(*zero);
    }
    return entry;
}

Result<std::string> text_of(const std::string& file, std::size_t limit) {
    OCTET_ASSIGN(const auto bytes, read_file(file, limit));
    return std::string(bytes.begin(), bytes.end());
}

// Numbers, parted by blanks or commas.
Result<Tensor> read_text(const std::string& file, std::int64_t most) {
    OCTET_ASSIGN(const std::string text, text_of(file, static_cast<std::size_t>(most + 1) * largest_text_number));
    std::vector<float> values;
    const char *at = text.data(), *end = at + text.size();
    const auto parts = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0 || c == ','; };
    while (true) {
        while (at != end && parts(*at)) ++at;
        if (at == end) break;
        float value = 0;
        const char* from = *at == '+' ? at + 1 : at;
        const auto [stop, error] = std::from_chars(from, end, value);
        if (error != std::errc{} || (stop != end && !parts(*stop))) {
            const std::string_view rest(at, static_cast<std::size_t>(std::min<std::ptrdiff_t>(end - at, 20)));
            return fail(ErrorCode::invalid_argument, "{}: value {} is no number: '{}'", file, values.size() + 1,
                        file_name_for(std::string(rest)));
        }
        values.push_back(value);
        if (static_cast<std::int64_t>(values.size()) > most)
            return fail(ErrorCode::out_of_range, "{}: has more than the {} values that are expected", file, most);
        at = stop;
    }
    if (values.empty()) return fail(ErrorCode::invalid_argument, "{}: holds no numbers", file);
    return Tensor::from<float>({static_cast<std::int64_t>(values.size())}, values);
}

Result<Tensor> read_raw(const std::string& file, DType type, std::int64_t most) {
    const std::size_t size = dtype_size(type);
    OCTET_ASSIGN(const auto bytes, read_file(file, static_cast<std::size_t>(most) * size));
    if (bytes.empty() || bytes.size() % size != 0)
        return fail(ErrorCode::invalid_argument, "{}: {} bytes are no {} values", file, bytes.size(), dtype_name(type));
    Tensor tensor(type, {static_cast<std::int64_t>(bytes.size() / size)});
    std::memcpy(tensor.mutable_raw(), bytes.data(), bytes.size());
    return tensor;
}

}  // namespace

DumpEntry entry_of_file(const std::string& file) {
    DumpEntry entry;
    entry.file = file;
    std::string name = fs::path(file).filename().string();
    name = name.substr(0, name.find_last_of('.'));
    for (int i = 0; i < 2; ++i) {
        const std::size_t dot = name.find_last_of('.');
        if (dot == std::string::npos) break;
        const std::string word = name.substr(dot + 1);
        if (const auto type = type_named(word); type && !entry.dtype) {
            entry.dtype = type;
        } else if (entry.layout || !read_layout(word, entry)) {
            break;
        }
        name = name.substr(0, dot);
    }
    entry.name = name;
    return entry;
}

Result<Dump> Dump::open(const DumpOptions& options) {
    Dump dump;
    dump.path_ = options.path;
    dump.options_ = options;
    std::error_code error;
    const bool folder = fs::is_directory(options.path, error);
    std::string manifest = options.manifest;
    const auto exists = [&](const fs::path& path) { return fs::is_regular_file(path, error); };
    if (!folder) {
        OCTET_ASSIGN(NpzReader archive, NpzReader::open(options.path));
        dump.archive_ = std::make_shared<NpzReader>(std::move(archive));
        if (manifest.empty() && exists(options.path + ".json")) manifest = options.path + ".json";
    } else if (manifest.empty()) {
        for (const char* name : {"manifest.json", "index.json"}) {
            if (manifest.empty() && exists(fs::path(options.path) / name))
                manifest = (fs::path(options.path) / name).string();
        }
    }
    if (!manifest.empty()) {
        OCTET_TRY(dump.read_manifest(manifest));
    } else if (dump.archive_) {
        for (const NpzEntry& array : dump.archive_->entries()) {
            DumpEntry entry;
            entry.name = entry.file = array.name;
            dump.entries_.push_back(std::move(entry));
        }
    } else {
        const fs::path here = fs::path(options.path) / "map_name_to_file.txt",
                       above = fs::path(options.path) / ".." / "map_name_to_file.txt";
        if (exists(here) || exists(above)) {
            OCTET_TRY(dump.read_rknn_map((exists(here) ? here : above).string()));
        } else {
            OCTET_TRY(dump.list_folder());
        }
    }
    if (!options.names.empty()) OCTET_TRY(dump.read_names(options.names));
    if (dump.entries_.empty()) return fail(ErrorCode::invalid_argument, "{}: holds no tensors", options.path);
    if (dump.entries_.size() > most_entries)
        return fail(ErrorCode::out_of_range, "{}: holds {} tensors; {} are the limit", options.path,
                    dump.entries_.size(), most_entries);
    for (DumpEntry& entry : dump.entries_) {
        if (entry.where.empty()) entry.where = fmt::format("{}: tensor '{}'", options.path, entry.name);
        if (!entry.layout && options.layout) entry.layout = options.layout, entry.block = options.block;
        if (!entry.dtype) entry.dtype = options.dtype;
    }
    return dump;
}

Result<void> Dump::read_manifest(const std::string& file) {
    OCTET_ASSIGN(const std::string text, text_of(file, largest_manifest));
    Json json;
    try {
        json = Json::parse(text);
    } catch (const Json::exception& error) {
        return fail(ErrorCode::invalid_argument, "{}: not JSON: {}", file, error.what());
    }
    DumpEntry defaults;
    const Json* list = &json;
    if (json.is_object()) {
        const auto found = json.find("tensors");
        if (found == json.end()) return fail(ErrorCode::invalid_argument, "{}: \"tensors\" is missing", file);
        OCTET_TRY(read_form(Member(json, file), defaults));
        list = &*found;
    }
    if (!list->is_array()) return fail(ErrorCode::invalid_argument, "{}: no list of tensors", file);
    std::set<std::string> known;
    for (const Json& item : *list) {
        OCTET_ASSIGN(DumpEntry entry, read_entry(item, defaults, file));
        std::vector<std::string> files = {entry.file.empty() ? entry.name : entry.file};
        if (const auto several = item.find("files"); several != item.end()) {
            if (!several->is_array()) return Member(item, entry.where).refuse("files", "is no list");
            files.clear();
            for (const Json& one : *several) {
                if (!one.is_string())
                    return Member(item, entry.where).refuse("files", "holds something else than texts");
                files.push_back(one.get<std::string>());
            }
        }
        for (const std::string& one : files) {
            DumpEntry copy = entry;
            copy.file = one;
            if (!archive_) {
                const DumpEntry named = entry_of_file(one);
                if (named.dtype) copy.dtype = named.dtype;
                if (named.layout) copy.layout = named.layout, copy.block = named.block;
                if (fs::path(one).is_absolute() || one.find("..") != std::string::npos)
                    return fail(ErrorCode::invalid_argument, "{}: '{}' lies outside of the dump", entry.where, one);
                copy.file = (fs::path(path_) / one).string();
                std::error_code error;
                if (!fs::exists(copy.file, error))
                    return fail(ErrorCode::io, "{}: its file {} is missing", entry.where, copy.file);
            } else if (!archive_->find(one)) {
                return fail(ErrorCode::io, "{}: {} holds no array '{}'", entry.where, path_, one);
            }
            if (!known.insert(copy.file).second)
                return fail(ErrorCode::invalid_argument, "{}: '{}' is listed twice", entry.where, one);
            entries_.push_back(std::move(copy));
        }
    }
    return {};
}

// Two columns, name and file, behind a line of dashes.
Result<void> Dump::read_rknn_map(const std::string& file) {
    OCTET_ASSIGN(const std::string text, text_of(file, largest_manifest));
    std::istringstream lines(text);
    std::string line;
    bool begun = false;
    while (std::getline(lines, line)) {
        std::istringstream words(line);
        std::string name, one;
        words >> name >> one;
        if (name.starts_with("---")) begun = true;
        if (!begun || name.starts_with("---") || one.empty()) continue;
        DumpEntry entry;
        entry.name = name;
        if (one.find("..") != std::string::npos || one.find('/') != std::string::npos)
            return fail(ErrorCode::invalid_argument, "{}: '{}' lies outside of the dump", file, one);
        // The same values with all their digits, where they were kept.
        fs::path path = fs::path(path_) / one;
        std::error_code error;
        if (fs::path npy = fs::path(path).replace_extension(".npy"); fs::exists(npy, error)) path = npy;
        if (!fs::exists(path, error)) continue;  // the map lists what a snapshot may have left out
        entry.file = path.string();
        entries_.push_back(std::move(entry));
    }
    if (!begun) return fail(ErrorCode::invalid_argument, "{}: no table of names and files", file);
    return {};
}

Result<void> Dump::list_folder() {
    std::error_code error;
    std::vector<std::string> files;
    for (const auto& item : fs::directory_iterator(path_, error)) {
        const std::string file = item.path().string();
        if (item.is_regular_file() && (file.ends_with(".npy") || is_raw(file) || is_text(file))) files.push_back(file);
    }
    if (error) return fail(ErrorCode::io, "{}: cannot be read: {}", path_, error.message());
    std::sort(files.begin(), files.end());
    for (const std::string& file : files) entries_.push_back(entry_of_file(file));
    return {};
}

Result<void> Dump::read_names(const std::string& file) {
    OCTET_ASSIGN(const std::string text, text_of(file, largest_manifest));
    std::istringstream lines(text);
    std::string line;
    std::map<std::string, std::string> names;
    for (int number = 1; std::getline(lines, line); ++number) {
        std::istringstream words(line);
        std::string from, to, more;
        if (!(words >> from) || from.starts_with('#')) continue;
        if (!(words >> to) || words >> more)
            return fail(ErrorCode::invalid_argument, "{}: line {}: two names are expected, the dump's and the model's",
                        file, number);
        if (!names.emplace(from, to).second)
            return fail(ErrorCode::invalid_argument, "{}: line {}: '{}' is there twice", file, number, from);
    }
    for (DumpEntry& entry : entries_) {
        if (const auto found = names.find(entry.name); found != names.end()) {
            entry.onnx = found->second;
            names.erase(found);
        }
    }
    if (!names.empty())
        return fail(ErrorCode::invalid_argument, "{}: {} holds no tensor '{}'", file, path_, names.begin()->first);
    return {};
}

Result<Tensor> Dump::load(const DumpEntry& entry, std::int64_t most) const {
    constexpr std::uint64_t header = 1 << 16, widest = 8;
    if (archive_) {
        const NpzEntry* array = archive_->find(entry.file);
        if (!array) return fail(ErrorCode::io, "{}: {} holds no array '{}'", entry.where, path_, entry.file);
        return archive_->load(*array, static_cast<std::uint64_t>(most) * widest + header);
    }
    if (is_text(entry.file)) return read_text(entry.file, most);
    if (is_raw(entry.file))
        return read_raw(entry.file, entry.dtype.value_or(DType::uint8), most * (entry.dtype ? 1 : 8));
    std::error_code error;
    const auto bytes = fs::file_size(entry.file, error);
    if (!error && bytes > static_cast<std::uint64_t>(most) * widest + header)
        return fail(ErrorCode::out_of_range, "{}: {} bytes are more than its tensor takes", entry.file, bytes);
    return load_npy(entry.file);
}

}  // namespace octet::compare
