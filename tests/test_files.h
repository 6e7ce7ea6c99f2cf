#pragma once

// Where the tests find their files, and a folder for what they write.

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/temporary_folder.h"

namespace octet {

inline const std::string source_folder = OCTET_SOURCE_DIR;
inline const std::string scenes_folder = source_folder + "/data/scenes";
inline const std::string shared_folder = source_folder + "/../shared";

// Skips the test with a clear line when a file of ../shared is absent.
#define OCTET_NEEDS_SHARED(file) \
    if (!std::filesystem::exists(octet::shared_folder + "/" + (file))) GTEST_SKIP() << "needs ../shared/" << (file)

}  // namespace octet
