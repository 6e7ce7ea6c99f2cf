#include "base/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstring>

#include "base/file_descriptor.h"
#include "tests/temporary_folder.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Files : public testing::Test {
  protected:
    // Relative names are of the test's own folder.
    void SetUp() override { fs::current_path(folder_.path()); }
    void TearDown() override { fs::current_path(before_); }

    static std::string text_of(const std::string& path) {
        const auto bytes = read_file(path, 1 << 20);
        return bytes ? std::string(bytes->begin(), bytes->end()) : bytes.error().message;
    }
    static std::string error_of(const Result<void>& result) { return result ? "" : result.error().message; }

    // The system kills a program that makes a file larger than it may.
    static void write_beyond_the_limit(const std::string& path) {
        const rlimit limit{512, 512};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        std::signal(SIGXFSZ, SIG_DFL);
        (void)write_file(path, std::string(4096, 'x'));
    }

    const fs::path before_ = fs::current_path();
    const TemporaryFolder folder_;
};

TEST_F(Files, WrittenUnderEveryFormOfName) {
    for (const std::string& path :
         {std::string("bare"), std::string("./dotted"), std::string("new/folders/file"), std::string("new/../up"),
          folder_ / "absolute", folder_ / "other/absolute", std::string(255, 'n'), std::string("caf\xe9")}) {
        for (const std::string_view text : {"first", "second, onto the first"}) {
            EXPECT_EQ(error_of(check_writable(path)), "") << path;
            EXPECT_EQ(error_of(write_file(path, text)), "") << path;
            EXPECT_EQ(text_of(path), text) << path;
        }
    }
    EXPECT_EQ(folder_.file_count(), 8U) << "and nothing else";
}

TEST_F(Files, LinksAreFollowed) {
    fs::create_directory("elsewhere");
    ASSERT_TRUE(write_file("target", std::string_view("old")));
    fs::create_symlink("target", "link");
    fs::create_symlink("elsewhere/missing", "dangling");
    fs::create_symlink("dangling", "second");
    fs::create_symlink("circle", "circle");
    for (const auto& [link, target] : {std::pair("link", "target"), std::pair("second", "elsewhere/missing")}) {
        EXPECT_EQ(error_of(write_file(link, std::string_view("new"))), "");
        EXPECT_TRUE(fs::is_symlink(link)) << link;
        EXPECT_FALSE(fs::is_symlink(target)) << target;
        EXPECT_EQ(text_of(target), "new");
    }
    EXPECT_THAT(error_of(write_file("circle", std::string_view("x"))), HasSubstr("circle: cannot be written: "));
}

TEST_F(Files, DevicesAreWrittenInto) {
    fs::create_symlink("/dev/full", "device");
    EXPECT_EQ(error_of(write_file("device", std::string_view("x"))),
              "device: cannot be written: No space left on device");
    EXPECT_TRUE(fs::is_symlink("device"));
    EXPECT_EQ(error_of(write_file("/dev/null", std::string_view("x"))), "");
}

TEST_F(Files, ModeIsThatOfAnyNewFile) {
    const mode_t mask = ::umask(027);
    ASSERT_TRUE(write_file("file", std::string_view("x")));
    ::umask(mask);
    EXPECT_EQ(static_cast<unsigned>(fs::status("file").permissions()), 0640U);
}

TEST_F(Files, KilledWhileWritingLeavesNothing) {
    if (FileDescriptor(::open(".", O_TMPFILE | O_WRONLY, 0600)).get() < 0)
        GTEST_SKIP() << "this file system has no files without names";
    ASSERT_TRUE(write_file("old", std::string_view("old")));
    for (const char* path : {"new", "old"}) {
        EXPECT_EXIT(write_beyond_the_limit(path), testing::KilledBySignal(SIGXFSZ), "");
    }
    EXPECT_EQ(folder_.file_count(), 1U);
    EXPECT_EQ(text_of("old"), "old");
}

TEST_F(Files, WhatCannotBeWrittenIsKnownBefore) {
    ASSERT_TRUE(write_file("file", std::string_view("x")));
    fs::create_directory("folder");
    for (const auto& [path, reason] : {std::pair("folder", "Is a directory"), std::pair("missing/", "Is a directory"),
                                       std::pair("", "Is a directory"), std::pair("file/below", "file is no folder"),
                                       std::pair("file/far/below", "file is no folder")}) {
        EXPECT_THAT(error_of(check_writable(path)), HasSubstr(reason)) << path;
        EXPECT_NE(error_of(write_file(path, std::string_view("x"))), "") << path;
    }
    EXPECT_THAT(error_of(check_folder_writable("file")), HasSubstr("file: cannot be written: file is no folder"));
    EXPECT_EQ(error_of(check_folder_writable("folder")), "");
    EXPECT_EQ(error_of(check_folder_writable("new/folders")), "");
    EXPECT_EQ(folder_.file_count(), 2U) << "asking makes nothing";
    if (::geteuid() != 0) {
        fs::permissions("folder", fs::perms::owner_read | fs::perms::owner_exec);
        EXPECT_THAT(error_of(check_writable("folder/x")), HasSubstr("Permission denied"));
    }
}

TEST_F(Files, OutputsAreNoInputsAndNotEachOther) {
    ASSERT_TRUE(write_file("in", std::string_view("x")));
    fs::create_directory("folder");
    fs::create_symlink("../in", "folder/link");
    fs::create_hard_link("in", "hard");
    fs::create_symlink("out", "to_out");
    using Names = std::vector<std::string>;
    for (const std::string& same : {std::string("in"), std::string("./folder/../in"), folder_ / "in",
                                    std::string("folder/link"), std::string("hard")})
        EXPECT_THAT(error_of(check_outputs(Names{same}, Names{"in"})), HasSubstr(same + ": would replace ")) << same;
    for (const std::string& same : {std::string("out"), std::string("folder/../out"), std::string("to_out")})
        EXPECT_THAT(error_of(check_outputs(Names{"out", same}, Names{"in"})), HasSubstr("would be written twice"));
    EXPECT_EQ(error_of(check_outputs(Names{"out", "other", "/dev/null", "/dev/null"}, Names{"in", "in"})), "");
    EXPECT_THAT(error_of(check_outputs(Names{"out", "folder"}, Names{"in"})), HasSubstr("folder: cannot be written"));
}

TEST_F(Files, PartsAppearTogether) {
    const auto bytes = [](const char* text) { return std::as_bytes(std::span(text, std::strlen(text))); };
    ASSERT_TRUE(write_file("x", std::string_view("old")));
    auto file = OutputFile::create("x").value();
    ASSERT_TRUE(file.write("head "));
    ASSERT_TRUE(file.write("tail"));
    ASSERT_TRUE(file.write_at(1, bytes("EA")));
    ASSERT_TRUE(file.write(" end"));
    EXPECT_EQ(text_of("x"), "old");
    ASSERT_TRUE(file.finish());
    EXPECT_EQ(text_of("x"), "hEAd tail end");
    {
        auto dropped = OutputFile::create("x").value();
        ASSERT_TRUE(dropped.write("half"));
    }
    EXPECT_EQ(text_of("x"), "hEAd tail end");
    EXPECT_EQ(folder_.file_count(), 1U);
    EXPECT_THAT(OutputFile::create("x/y").error().message, HasSubstr("x/y: "));
}

}  // namespace
}  // namespace octet
