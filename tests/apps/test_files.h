#pragma once

// Where the tests find their files, and a folder for what they write.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace octet::apps {

inline const std::string source_folder = OCTET_SOURCE_DIR;
inline const std::string scenes_folder = source_folder + "/data/scenes";
inline const std::string shared_folder = source_folder + "/../shared";

// Skips the test with a clear line when a file of ../shared is absent.
#define OCTET_NEEDS_SHARED(file)                                             \
    if (!std::filesystem::exists(octet::apps::shared_folder + "/" + (file))) \
    GTEST_SKIP() << "needs ../shared/" << (file)

// An empty folder that goes with the test.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string name = ::testing::TempDir() + "octet-XXXXXX";
        path_ = ::mkdtemp(name.data());
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder() { std::filesystem::remove_all(path_); }

    std::string operator/(const std::string& name) const { return path_ + "/" + name; }
    const std::string& path() const { return path_; }
    // Names in it, to prove that nothing half-written stays.
    std::size_t file_count() const {
        return static_cast<std::size_t>(
            std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator()));
    }

  private:
    std::string path_;
};

}  // namespace octet::apps
