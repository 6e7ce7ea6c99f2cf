// Videos as vision/video.h reads and writes them.

#include "vision/video.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "base/file.h"
#include "tests/temporary_folder.h"
#include "tests/video/clips.h"
#include "vision/image_files.h"

namespace octet::vision {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const VideoLibrary& library() {
    return *video_library().value();
}

struct Read {
    VideoInfo info;
    std::vector<VideoFrame> frames;
    std::int64_t damaged = 0;
    std::string error;

    std::vector<double> times() const {
        std::vector<double> result;
        for (const VideoFrame& frame : frames) result.push_back(std::round(frame.time_s * 1e5) / 1e5);
        return result;
    }
    std::vector<std::int64_t> indices() const {
        std::vector<std::int64_t> result;
        for (const VideoFrame& frame : frames) result.push_back(frame.index);
        return result;
    }
};

Read read_all(const VideoSource& source) {
    Read read;
    auto reader = library().open(source);
    if (!reader) {
        read.error = reader.error().message;
        return read;
    }
    read.info = (*reader)->info();
    for (;;) {
        auto frame = (*reader)->next();
        if (!frame) read.error = frame.error().message;
        if (!frame || !*frame) break;
        read.frames.push_back(std::move(**frame));
    }
    read.damaged = (*reader)->damaged();
    return read;
}

// Patches of 8x8 pixels over all of YCbCr against the formula of ITU-T H.273, through a codec without losses.
struct ColorCase {
    const char* name;
    int width, height;
    AVColorSpace stated;
    AVColorRange range;
    double red_weight, blue_weight;
};
class VideoColor : public testing::TestWithParam<ColorCase> {};

TEST_P(VideoColor, IsTheFormulaOfTheMatrixAndRange) {
    const auto& [name, width, height, stated, range, kr, kb] = GetParam();
    const TemporaryFolder folder;
    const auto value = [](int plane, int patch) {
        const int full = patch * (plane == 0 ? 37 : plane == 1 ? 101 : 59) % 256;
        return 16 + full * 224 / 256;
    };
    const int across = width / 8;
    make_clip(folder / "x.mkv",
              {.encoder = "ffv1",
               .width = width,
               .height = height,
               .pixels = AV_PIX_FMT_YUV444P,
               .matrix = stated,
               .range = range},
              steady(1), [&](int, int plane, int x, int y) { return value(plane, y / 8 * across + x / 8); });
    const Read read = read_all({.path = folder / "x.mkv"});
    ASSERT_EQ(read.error, "");
    ASSERT_EQ(read.frames.size(), 1U);
    const Image& image = read.frames[0].image;
    ASSERT_EQ(image.width, width);
    const bool full = range == AVCOL_RANGE_JPEG;
    for (int patch = 0; patch < across * (height / 8); ++patch) {
        const double y = full ? value(0, patch) / 255.0 : (value(0, patch) - 16) / 219.0;
        const double cb = (value(1, patch) - 128) / (full ? 255.0 : 224.0);
        const double cr = (value(2, patch) - 128) / (full ? 255.0 : 224.0);
        const double red = y + 2 * (1 - kr) * cr, blue = y + 2 * (1 - kb) * cb;
        const double green = (y - kr * red - kb * blue) / (1 - kr - kb);
        const std::uint8_t* pixel = image.row(patch / across * 8 + 4) + 3 * (patch % across * 8 + 4);
        const std::array expected = {red, green, blue};
        for (std::size_t c = 0; c < 3; ++c)
            ASSERT_NEAR(pixel[c], std::clamp(expected[c], 0.0, 1.0) * 255, 1.5)
                << "patch " << patch << " channel " << c;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Video, VideoColor,
    testing::Values(ColorCase{"bt709", 64, 48, AVCOL_SPC_BT709, AVCOL_RANGE_MPEG, 0.2126, 0.0722},
                    ColorCase{"bt709_full", 64, 48, AVCOL_SPC_BT709, AVCOL_RANGE_JPEG, 0.2126, 0.0722},
                    ColorCase{"bt601", 64, 48, AVCOL_SPC_SMPTE170M, AVCOL_RANGE_MPEG, 0.299, 0.114},
                    ColorCase{"bt601_full", 64, 48, AVCOL_SPC_BT470BG, AVCOL_RANGE_JPEG, 0.299, 0.114},
                    ColorCase{"bt2020", 64, 48, AVCOL_SPC_BT2020_NCL, AVCOL_RANGE_MPEG, 0.2627, 0.0593},
                    ColorCase{"unstated_small", 64, 48, AVCOL_SPC_UNSPECIFIED, AVCOL_RANGE_UNSPECIFIED, 0.299, 0.114},
                    ColorCase{"unstated_large", 64, 720, AVCOL_SPC_UNSPECIFIED, AVCOL_RANGE_UNSPECIFIED, 0.2126,
                              0.0722}),
    [](const auto& test) { return test.param.name; });

TEST(Video, AColorMatrixThatIsNotConvertedIsNamed) {
    const TemporaryFolder folder;
    make_clip(folder / "x.mkv", {.encoder = "ffv1", .pixels = AV_PIX_FMT_YUV444P, .matrix = AVCOL_SPC_YCGCO}, steady(1),
              brightening);
    EXPECT_THAT(read_all({.path = folder / "x.mkv"}).error, HasSubstr("x.mkv: its colour matrix 'ycgco' is not conv"));
}

// Quarters of the stored frame: bright at the top left, middle at the top right, dark below.
TEST(Video, TurnsAndMirrorsAreObeyed) {
    const TemporaryFolder folder;
    const auto quarters = [](int, int plane, int x, int y) {
        if (plane > 0) return 128;
        return y >= 24 ? 40 : x < 32 ? 220 : 130;
    };
    struct Expected {
        int turn;
        bool mirror;
        std::array<int, 4> corners;  // top left, top right, bottom left, bottom right: 2 bright, 1 middle, 0 dark
    };
    for (const auto& [turn, mirror, corners] :
         {Expected{0, false, {2, 1, 0, 0}}, Expected{90, false, {0, 2, 0, 1}}, Expected{180, false, {0, 0, 1, 2}},
          Expected{270, false, {1, 0, 2, 0}}, Expected{0, true, {1, 2, 0, 0}}, Expected{180, true, {0, 0, 2, 1}}}) {
        const std::string path = folder / fmt::format("{}{}.mp4", turn, mirror);
        // FFmpeg's function takes the angle counterclockwise, in a matrix that players read clockwise.
        make_clip(path, {.turn = turn, .mirror = mirror}, steady(2), quarters);
        const Read read = read_all({.path = path});
        ASSERT_EQ(read.error, "");
        const bool lies = turn % 180 == 0;
        EXPECT_EQ(read.info.width, lies ? 64 : 48);
        EXPECT_EQ(read.info.height, lies ? 48 : 64);
        const Image& image = read.frames.at(0).image;
        ASSERT_EQ(image.width, read.info.width);
        std::array<int, 4> seen{};
        for (int i = 0; i < 4; ++i) {
            const int value = image.row(i / 2 == 0 ? 4 : image.height - 5)[3 * (i % 2 == 0 ? 4 : image.width - 5)];
            seen[static_cast<std::size_t>(i)] = value > 180 ? 2 : value > 90 ? 1 : 0;
        }
        EXPECT_EQ(seen, corners) << turn << " degrees" << (mirror ? ", mirrored" : "");
    }
}

TEST(Video, ATurnByAnotherAngleIsNamed) {
    const TemporaryFolder folder;
    make_clip(folder / "x.mp4", {.turn = 30}, steady(2), brightening);
    EXPECT_THAT(read_all({.path = folder / "x.mp4"}).error, HasSubstr("x.mp4: it is to be shown turned by"));
}

TEST(Video, TimeStampsOfVariableRateAreReadAndWritten) {
    const TemporaryFolder folder;
    const std::vector<double> seconds{0, 0.04, 0.05, 0.3, 0.301, 1.5, 1.6};
    make_clip(folder / "x.mp4", {.time_base = {1, 1000}}, {0, 40, 50, 300, 301, 1500, 1600}, brightening);
    const Read read = read_all({.path = folder / "x.mp4"});
    ASSERT_EQ(read.error, "");
    EXPECT_EQ(read.times(), seconds);
    EXPECT_EQ(read.info.frames, 7);

    for (const std::string& encoder : {library().encoder_for("").value(), std::string("mpeg4")}) {
        auto writer = library().create(folder / "y.mp4", read.info, encoder);
        ASSERT_TRUE(writer) << writer.error().message;
        for (const VideoFrame& frame : read.frames) ASSERT_TRUE((*writer)->write(frame.image, frame.time_stamp));
        ASSERT_TRUE((*writer)->finish());
        const Read again = read_all({.path = folder / "y.mp4"});
        ASSERT_EQ(again.times(), seconds) << encoder;
        // Nearly the pictures, in their order.
        for (std::size_t i = 0; i < seconds.size(); ++i)
            EXPECT_NEAR(again.frames[i].image.row(20)[60], read.frames[i].image.row(20)[60], 4) << encoder << " " << i;
    }
}

TEST(Video, OddSizesAreWrittenOnePixelLarger) {
    const TemporaryFolder folder;
    const VideoInfo info{.width = 33, .height = 17, .time_base = {1, 10}, .frame_rate = {10, 1}};
    auto writer = library().create(folder / "x.mp4", info, "mpeg4").value();
    Image image(33, 17, 3);
    std::fill(image.pixels.begin(), image.pixels.end(), 200);
    ASSERT_TRUE(writer->write(image, 0));
    ASSERT_TRUE(writer->write(image, 1));
    ASSERT_TRUE(writer->finish());
    const Read read = read_all({.path = folder / "x.mp4"});
    ASSERT_EQ(read.frames.size(), 2U);
    EXPECT_EQ(read.info.width, 34);
    EXPECT_EQ(read.info.height, 18);
    EXPECT_NEAR(read.frames[0].image.row(17)[3 * 33], 200, 4);
}

TEST(Video, AFileThatIsNotFinishedIsNotThere) {
    const TemporaryFolder folder;
    {
        auto writer = library().create(folder / "x.mp4", {.width = 32, .height = 32}, "mpeg4").value();
        ASSERT_TRUE(writer->write(Image(32, 32, 3), 0));
    }
    EXPECT_EQ(folder.file_count(), 0U);
}

// A bare stream says neither how long it is nor when its frames are shown.
TEST(Video, LengthAndTimesMayBeUnknown) {
    const TemporaryFolder folder;
    make_clip(folder / "x.m1v", {.encoder = "mpeg1video"}, steady(6), brightening);
    const Read read = read_all({.path = folder / "x.m1v"});
    ASSERT_EQ(read.error, "");
    EXPECT_EQ(read.info.frames, std::nullopt);
    ASSERT_EQ(read.frames.size(), 6U);
    for (std::size_t i = 1; i < 6; ++i) EXPECT_NEAR(read.frames[i].time_s - read.frames[i - 1].time_s, 0.04, 1e-4);
}

TEST(Video, EveryNthFrame) {
    const TemporaryFolder folder;
    make_clip(folder / "x.mp4", {}, steady(8), brightening);
    const Read read = read_all({.path = folder / "x.mp4", .every = 3});
    EXPECT_THAT(read.indices(), ElementsAre(0, 3, 6));
    EXPECT_THAT(read.times(), ElementsAre(0, 0.12, 0.24));
    EXPECT_EQ(read.info.frames, 3);
    EXPECT_LT(read.frames[0].image.pixels[0] + 20, read.frames[1].image.pixels[0]);
}

TEST(Video, NumberedPictures) {
    const TemporaryFolder folder;
    for (const int number : {7, 8, 9}) {
        Image image(16, 8, 3);
        std::fill(image.pixels.begin(), image.pixels.end(), static_cast<std::uint8_t>(20 * number));
        ASSERT_TRUE(save_png(image, folder / fmt::format("p-{:03}.png", number)));
    }
    const Read read = read_all({.path = folder / "p-%03d.png", .frame_rate = 10});
    ASSERT_EQ(read.error, "");
    EXPECT_THAT(read.times(), ElementsAre(0, 0.1, 0.2));
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(read.frames[i].image.pixels[0], 20 * (7 + i));
    EXPECT_THAT(read_all({.path = folder / "q-%03d.png"}).error, HasSubstr("q-%03d.png: cannot be opened as a video"));
}

TEST(Video, RawFramesOfAFile) {
    const TemporaryFolder folder;
    std::string bytes;
    for (int i = 0; i < 4 * 2 * 3 * 3; ++i) bytes += static_cast<char>(i);
    ASSERT_TRUE(write_file(folder / "x.raw", bytes));
    const Read read = read_all({.path = folder / "x.raw", .raw = RawFrames{4, 2, "bgr24"}, .frame_rate = 50});
    ASSERT_EQ(read.error, "");
    EXPECT_THAT(read.times(), ElementsAre(0, 0.02, 0.04));
    EXPECT_EQ(read.frames[1].image.pixels[0], 26);
    EXPECT_EQ(read.frames[1].image.pixels[2], 24);
    EXPECT_THAT(read_all({.path = folder / "x.raw", .raw = RawFrames{4, 2, "rgb25"}}).error,
                HasSubstr("x.raw: FFmpeg knows no pixels of the format 'rgb25'"));
}

TEST(Video, WhatIsNoVideoIsNamed) {
    const TemporaryFolder folder;
    ASSERT_TRUE(write_file(folder / "x.mp4", std::string_view("no video")));
    EXPECT_THAT(read_all({.path = folder / "x.mp4"}).error, HasSubstr("x.mp4: cannot be opened as a video: Invalid"));
    EXPECT_THAT(read_all({.path = folder / "none.mp4"}).error, HasSubstr("none.mp4: cannot be opened as a video: No"));
    // A playlist that would read another file, over the network for one.
    ASSERT_TRUE(write_file(folder / "x.ts", std::string_view("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n"
                                                             "http://localhost/x.ts\n#EXT-X-ENDLIST\n")));
    EXPECT_THAT(read_all({.path = folder / "x.ts"}).error, HasSubstr("x.ts: "));
}

TEST(Video, DamageIsCountedAndFramesBeforeItAreGiven) {
    const TemporaryFolder folder;
    make_clip(folder / "x.mkv", {}, steady(12),
              [](int frame, int plane, int x, int y) { return (frame * 31 + plane * 77 + x * y * 5) % 256; });
    auto bytes = read_file(folder / "x.mkv", 1 << 24).value();
    for (std::size_t i = bytes.size() / 2; i < bytes.size() / 2 + 400; ++i) bytes[i] ^= 0x5a;
    ASSERT_TRUE(write_file(folder / "bad.mkv", bytes));
    const Read read = read_all({.path = folder / "bad.mkv"});
    EXPECT_GE(read.frames.size(), 4U);
    EXPECT_TRUE(read.damaged > 0 || !read.error.empty());
}

TEST(Video, EncodersThatAreMissingAreAnErrorThatNamesOthers) {
    EXPECT_EQ(library().encoder_for("mpeg4").value(), "mpeg4");
    const std::string message = library().encoder_for("nonesuch").error().message;
    EXPECT_THAT(message, HasSubstr("--codec nonesuch: this FFmpeg has no such encoder; there are "));
    EXPECT_THAT(message, HasSubstr("mpeg4"));
    EXPECT_THAT(library().encoder_for("ffv1").error().message, HasSubstr("--codec ffv1: not for an MP4 file"));
}

TEST(Video, NamesOfVideos) {
    EXPECT_TRUE(is_video_name("a/b.MP4"));
    EXPECT_TRUE(is_video_name("b.mkv"));
    EXPECT_FALSE(is_video_name("b.png"));
    EXPECT_FALSE(is_video_name("mp4"));
    EXPECT_TRUE(is_frame_pattern("none/%06d.png"));
    EXPECT_TRUE(is_frame_pattern("none/a%d.jpg"));
    EXPECT_FALSE(is_frame_pattern("none/100%.png"));
    EXPECT_FALSE(is_frame_pattern("none/%06d.txt"));
}

}  // namespace
}  // namespace octet::vision
