#pragma once

// What a network wants done to a picture, as its file states it:
//
//   octet.preprocess.layout     "NCHW RGB"
//   octet.preprocess.letterbox  "114": the grey around the picture
//   octet.preprocess.mean, .std "0.485,0.456,0.406", R, G and B; 0 and 1 where the network takes pixel / 255

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/normalization.h"
#include "base/result.h"
#include "vision/letterbox.h"

namespace octet::vision {

struct Preprocessing {
    Normalization normalization = {};
    std::uint8_t letterbox = letterbox_grey;

    friend bool operator==(const Preprocessing&, const Preprocessing&) = default;
};

// Of a model's metadata; nothing where it states none. What it states must be complete and possible: the error names
// the key.
Result<std::optional<Preprocessing>> stated_preprocessing(const std::map<std::string, std::string>& metadata);

// The keys above with their values.
std::vector<std::pair<std::string, std::string>> preprocessing_metadata(const Preprocessing& preprocessing);

}  // namespace octet::vision
