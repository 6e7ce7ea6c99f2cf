#include "vision/image_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "tests/test_files.h"

namespace octet::vision {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string format_of(std::string_view text) {
    return std::string(other_format({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
}

TEST(ImageFiles, ExtensionsInAnyCase) {
    for (const char* name : {"a.jpg", "dir.x/a.JPEG", "a.PNG", "a.b.bmp", "a.jfif"})
        EXPECT_TRUE(is_image_name(name)) << name;
    for (const char* name : {"a", "jpg", "a.webp", "a.jpg.txt", "a.jpg/b"}) EXPECT_FALSE(is_image_name(name)) << name;
}

TEST(ImageFiles, OtherFormatsAreTold) {
    EXPECT_EQ(format_of("RIFF\x10\0\0\0WEBPVP8 "), "");  // the string ends at its first zero
    EXPECT_EQ(format_of("RIFF....WEBPVP8 "), "a WebP picture");
    EXPECT_EQ(format_of(std::string_view("MM\0*", 4)), "a TIFF picture");
    EXPECT_EQ(format_of(std::string_view("\0\0\0\x1c"
                                         "ftypheic",
                                         12)),
              "a HEIF picture");
    EXPECT_EQ(format_of(std::string_view("\0\0\0\x1c"
                                         "ftypisom",
                                         12)),
              "a video");
    EXPECT_EQ(format_of("P6\n2 2\n255\n"), "a PNM picture");
    EXPECT_EQ(format_of("<!DOCTYPE html>"), "a web page");
    for (const char* none : {"", "P", "P6", "RIFF", "hello", "\xFF\xD8\xFF"}) EXPECT_EQ(format_of(none), "") << none;
}

TEST(ImageFiles, FoldersAreListed) {
    const TemporaryFolder folder;
    const auto touch = [&](const std::string& name) { ASSERT_TRUE(write_file(folder / name, std::string_view())); };
    EXPECT_THAT(list_images(folder.path()).error().message, HasSubstr(": no JPEG, PNG or BMP file in this folder"));
    EXPECT_THAT(list_images(folder / "none").error().message, HasSubstr("none: cannot be read as a folder"));
    touch("b.jpg");
    touch("a.PNG");
    touch("a.out.png");
    touch("c.txt");
    const auto listed = list_images(folder.path(), {".out.png"});
    ASSERT_TRUE(listed) << listed.error().message;
    EXPECT_THAT(listed->images, ElementsAre(folder / "a.PNG", folder / "b.jpg"));
    EXPECT_EQ(listed->passed_over, "");
    touch("z.gif");
    EXPECT_EQ(list_images(folder.path())->passed_over,
              folder.path() + ": 1 picture that is not JPEG, PNG or BMP is passed over (1 .gif): z.gif");
    for (const char* name : {"y.HEIC", "x.tiff", "w.gif"}) touch(name);
    EXPECT_EQ(list_images(folder.path())->passed_over,
              folder.path() +
                  ": 4 pictures that are not JPEG, PNG or BMP are passed over (2 .gif, 1 .heic, 1 .tiff): w.gif, "
                  "x.tiff, y.HEIC, …");
}

TEST(ImageFiles, NamesFindTheirFile) {
    const TemporaryFolder folder;
    EXPECT_EQ(find_image(folder.path(), "a"), folder / "a.jpg");  // whose absence will be told
    ASSERT_TRUE(write_file(folder / "a.tif", std::string_view()));
    EXPECT_THAT(find_image(folder.path(), "a").error().message,
                HasSubstr("a.tif: a picture of a format that is not read"));
    ASSERT_TRUE(write_file(folder / "a.jpg", std::string_view()));
    EXPECT_EQ(find_image(folder.path(), "a"), folder / "a.jpg");
    ASSERT_TRUE(write_file(folder / "a.png", std::string_view()));
    EXPECT_EQ(find_image(folder.path(), "a"), folder / "a.png");
}

}  // namespace
}  // namespace octet::vision
