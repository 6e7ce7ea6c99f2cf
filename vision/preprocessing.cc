#include "vision/preprocessing.h"

#include <cmath>
#include <string_view>

#include "base/parse_number.h"

namespace octet::vision {
namespace {

constexpr const char* layout_key = "octet.preprocess.layout";
constexpr const char* letterbox_key = "octet.preprocess.letterbox";
constexpr const char* mean_key = "octet.preprocess.mean";
constexpr const char* std_key = "octet.preprocess.std";
constexpr const char* layout = "NCHW RGB";

Error wrong(const char* key, const std::string& text, const char* expected) {
    return {ErrorCode::invalid_model, fmt::format("metadata '{}' is '{}', not {}", key, text, expected)};
}

Result<std::array<float, 3>> parse_triple(const char* key, const std::string& text, bool positive) {
    const auto fail_here = [&] {
        return tl::unexpected(wrong(key, text, positive ? "three positive numbers" : "three numbers"));
    };
    std::array<float, 3> values{};
    std::string_view rest = text;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::size_t comma = rest.find(',');
        if ((comma == std::string_view::npos) != (i + 1 == values.size())) return fail_here();
        const auto value = parse_number<float>(rest.substr(0, comma));
        if (!value || !std::isfinite(*value) || (positive && *value <= 0)) return fail_here();
        values[i] = *value;
        if (comma != std::string_view::npos) rest.remove_prefix(comma + 1);
    }
    return values;
}

}  // namespace

Result<std::optional<Preprocessing>> stated_preprocessing(const std::map<std::string, std::string>& metadata) {
    const auto text_of = [&](const char* key) -> const std::string* {
        const auto found = metadata.find(key);
        return found == metadata.end() ? nullptr : &found->second;
    };
    if (const std::string* text = text_of(layout_key); text && *text != layout) {
        return tl::unexpected(wrong(layout_key, *text, layout));
    }
    const std::string *mean = text_of(mean_key), *deviation = text_of(std_key), *grey = text_of(letterbox_key);
    if (!mean && !deviation) return std::nullopt;
    if (!mean || !deviation) {
        return fail(ErrorCode::invalid_model, "metadata '{}' is there without '{}'", mean ? mean_key : std_key,
                    mean ? std_key : mean_key);
    }
    Preprocessing preprocessing;
    OCTET_ASSIGN(preprocessing.normalization.mean, parse_triple(mean_key, *mean, false));
    OCTET_ASSIGN(preprocessing.normalization.std, parse_triple(std_key, *deviation, true));
    if (grey) {
        const auto value = parse_number<std::uint8_t>(*grey);
        if (!value) return tl::unexpected(wrong(letterbox_key, *grey, "a grey value of 0 to 255"));
        preprocessing.letterbox = *value;
    }
    return preprocessing;
}

std::vector<std::pair<std::string, std::string>> preprocessing_metadata(const Preprocessing& preprocessing) {
    const auto& [mean, deviation] = preprocessing.normalization;
    return {{layout_key, layout},
            {letterbox_key, std::to_string(preprocessing.letterbox)},
            {mean_key, fmt::format("{}", fmt::join(mean, ","))},
            {std_key, fmt::format("{}", fmt::join(deviation, ","))}};
}

}  // namespace octet::vision
