// What the documents and --help tell users to type works as it is printed.
//
// Each document gets a folder of its own that looks like the root of the repository and holds what the placeholders
// stand for, under their names. Its commands run there in their order: one may read what another has written.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <regex>
#include <set>
#include <sstream>

#include "apps/common/cli.h"
#include "frontends/npy.h"
#include "tests/frontends/onnx/open_dimensions.h"
#include "tests/program.h"
#include "tests/tiny_network.h"
#include "vision/image.h"

namespace octet::apps {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

const std::vector<std::string> programs{"yolop-run",   "octet-run",  "octet-eval",    "octet-inspect", "octet-quantize",
                                        "octet-bench", "octet-dump", "octet-compare", "octet-vectors"};

// Placeholders, and names of examples that must be there.
const std::vector<std::string> model_names{"MODEL",           "FP32",          "INT8", "FLOAT.onnx", "model.onnx",
                                           "model-int8.onnx", "yolop-640.onnx"};
const std::vector<std::string> small_model_names{"yolop.onnx"};   // with layers to quantize
const std::vector<std::string> open_model_names{"dynamic.onnx"};  // 1x3xHxW
const std::vector<std::string> image_names{"IMAGE", "street.png"};
const std::vector<std::string> image_folder_names{"IMAGES", "DIR", "pictures", "calib"};
const std::vector<std::string> set_names{"SET", "set", "val"};
const std::vector<std::string> npy_names{"FILE.npy", "input.npy"};  // 1x3x32x32

// Options that say where something is written, if not to stdout.
const std::set<std::string> output_options{"-o",    "--output", "--report",   "--cache",
                                           "--npy", "--json",   "--markdown", ">"};

// Commands that this test does not run: what they begin with, and where they run instead.
struct Elsewhere {
    std::string start;
    std::string stage;  // what .ci/run calls; empty: by hand
    std::string reason;
};
const std::vector<Elsewhere> elsewhere{
    {"./scripts/demo.sh", "scripts/demo.sh", "installs packages and builds"},
    {"./scripts/test.sh", "scripts/test.sh", "installs packages, builds, and runs this test"},
    {"cmake --preset", "scripts/test.sh", "builds, and runs this test"},
    {"scripts/build_arm64.sh", "", "installs packages and cross-builds"},
    {"scripts/test_arm64.sh", "scripts/test_arm64.sh", "the same, and runs tests by an emulator"},
    {"bench/arm/count.sh", "", "counts instructions by an emulator, for minutes"},
    {"bench/peers/run.sh", "", "installs packages that are not Debian's, and takes half an hour"},
    {"bench/peers/end_to_end.sh", "", "installs packages that are not Debian's"},
    {"yolop-run clip.mp4", "scripts/test.sh ci-video", "takes FFmpeg's libraries; tests/video runs the like"},
    {"yolop-run pictures/street-%04d.png", "scripts/test.sh ci-video", "the same"},
    {"yolop-run - --raw-size", "scripts/test.sh ci-video", "the same"},
    {"octet-compare MODEL --dump", "", "takes the dump of a chip; compare_test has such"},
    {"octet-compare model.onnx --dump", "", "the same"},
    {"octet-vectors PROFILE", "", "takes a profile; compare_test has such"},
    {"bench/zoo/run.sh", "", "the same, and takes a folder of networks"},
};

// Commands that run where OCTET_SLOW_COMMANDS is set, as it is in .ci/run, and what makes them no longer than they must
// be: one round shows that the benchmarks are there.
constexpr const char* slow_command = "build/bin/kernels-bench";
constexpr const char* slow_command_limit = " --benchmark_min_time=0";
constexpr const char* slow_variable = "OCTET_SLOW_COMMANDS";

std::string text_of(const std::string& path) {
    const auto bytes = read_file(path, 1 << 24);
    EXPECT_TRUE(bytes) << bytes.error().message;
    return bytes ? std::string(bytes->begin(), bytes->end()) : std::string();
}

std::vector<std::string> split(const std::string& text, char at) {
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, at);) parts.push_back(part);
    return parts;
}

std::vector<std::string> words_of(const std::string& command) {
    std::vector<std::string> words;
    std::istringstream stream(command);
    for (std::string word; stream >> word;) words.push_back(word);
    return words;
}

bool is_environment(const std::string& word) {
    static const std::regex assignment("[A-Z_]+=.+");
    return std::regex_match(word, assignment);
}

// The name of the program that a command starts, without its folder.
std::string program_of(const std::string& command) {
    for (const std::string& word : words_of(command))
        if (!is_environment(word)) return fs::path(word).filename().string();
    return {};
}

struct Command {
    std::string text;
    std::string where;  // README.md:23
};

struct Document {
    std::vector<Command> commands;  // lines of code blocks, and code in the text that gives a program arguments
    std::vector<Command> options;   // code in the text that begins with --; behind a program's name where the row of a
                                    // table is about that program
};

// Code in the text of a paragraph or of a row of a table.
void add_inline_code(std::string text, const std::string& where, Document& document) {
    text = std::regex_replace(text, std::regex(R"(\\\|)"), "|");
    std::string row_program;
    static const std::regex code("`([^`]+)`");
    for (std::sregex_iterator it(text.begin(), text.end(), code), end; it != end; ++it) {
        const std::string span = std::regex_replace((*it)[1].str(), std::regex("\\s+"), " ");
        const std::string name = program_of(span);
        const bool known = std::find(programs.begin(), programs.end(), name) != programs.end() ||
                           span.rfind(slow_command, 0) == 0 ||
                           std::any_of(elsewhere.begin(), elsewhere.end(),
                                       [&](const Elsewhere& one) { return span.rfind(one.start, 0) == 0; });
        if (text[0] == '|' && row_program.empty() && known) row_program = name;
        const bool has_arguments = span.find(' ') != std::string::npos;
        if (name.empty() && is_environment(span)) {
            document.commands.push_back({span + " octet-run MODEL", where});
        } else if (known && has_arguments) {
            document.commands.push_back({span, where});
        } else if (span.rfind("--", 0) == 0) {
            document.options.push_back({row_program.empty() ? span : row_program + " " + span, where});
        }
    }
}

// A line of a code block is a command, unless it begins with a sign that no command begins with, as drawings do.
void add_code_line(std::string line, const std::string& where, Document& document) {
    line.erase(0, line.find_first_not_of(' '));
    line = std::regex_replace(line, std::regex("\\s+# .*"), "");
    if (line.empty() || static_cast<unsigned char>(line[0]) >= 0x80) return;
    document.commands.push_back({line, where});
}

Document parse_markdown(const std::string& text, const std::string& name) {
    Document document;
    std::string paragraph, paragraph_where;
    bool fenced = false, shell = false, after_blank = true, indented = false;
    int number = 0;
    const auto finish_paragraph = [&] {
        add_inline_code(paragraph, paragraph_where, document);
        paragraph.clear();
    };
    for (const std::string& line : split(text, '\n')) {
        const std::string where = fmt::format("{}:{}", name, ++number);
        const bool blank = line.find_first_not_of(' ') == std::string::npos;
        if (line.rfind("```", 0) == 0) {
            finish_paragraph();
            fenced = !fenced;
            shell = line == "```" || line == "```sh" || line == "```bash" || line == "```console";
        } else if (fenced) {
            if (shell) add_code_line(line, where, document);
        } else if (blank) {
            finish_paragraph();
        } else if (line.rfind("    ", 0) == 0 && (after_blank || indented)) {
            add_code_line(line, where, document);
            indented = true;
            continue;
        } else {
            if (line[0] == '|') finish_paragraph();
            if (paragraph.empty()) paragraph_where = where;
            paragraph += line + "\n";
        }
        indented = false;
        after_blank = blank;
    }
    finish_paragraph();
    return document;
}

// The lines behind "Examples:".
Document parse_help(const std::string& text, const std::string& name) {
    Document document;
    const auto lines = split(text, '\n');
    auto line = std::find(lines.begin(), lines.end(), "Examples:");
    if (line == lines.end()) return document;
    for (++line; line != lines.end() && line->rfind("  ", 0) == 0; ++line)
        add_code_line(*line, name + " --help", document);
    return document;
}

// IMAGE|DIR… → IMAGE, DIR; OCTET_ISA=reference|avx2 → one and the other. NAME of an input is that of the network's.
std::vector<std::string> spelled_out(const std::string& command) {
    std::vector<std::string> spellings{""};
    for (std::string word : words_of(command)) {
        if (word.size() > 3 && word.rfind("…") == word.size() - 3) word.resize(word.size() - 3);
        if (word.rfind("NAME=", 0) == 0) word = "images=" + word.substr(5);
        const bool has_choice =
            word.size() > 1 && word.find('|') != std::string::npos && word.find('\'') == std::string::npos;
        const std::size_t prefix = has_choice ? word.rfind('=', word.find('|')) + 1 : 0;
        std::vector<std::string> longer;
        for (const std::string& start : spellings) {
            for (const std::string& choice :
                 has_choice ? split(word.substr(prefix), '|') : std::vector{word.substr(prefix)})
                longer.push_back(start + (start.empty() ? "" : " ") + word.substr(0, prefix) + choice);
        }
        spellings = std::move(longer);
    }
    return spellings;
}

// A folder with what the placeholders stand for.
class Workplace {
  public:
    Workplace() {
        const std::string model = folder_ / "model.onnx";
        save_tiny_network(model);
        for (const std::string& name : model_names)
            if (name != "model.onnx") fs::copy_file(model, folder_ / name);
        for (const std::string& name : small_model_names) save_small_network(folder_ / name);
        for (const std::string& name : open_model_names)
            onnx::testing::open_dimensions(model, "1x3xHxW", folder_ / name);
        const vision::Image image = red_image(64, 48), mask(64, 48, 1);
        // Pictures are told by their bytes, and written by the ends of their names.
        for (const std::string& name : image_names) {
            EXPECT_TRUE(vision::save_png(image, folder_ / "picture.png"));
            fs::rename(folder_ / "picture.png", folder_ / name);
        }
        for (const std::string& name : image_folder_names)
            EXPECT_TRUE(vision::save_png(image, folder_ / (name + "/red.png")));
        for (const std::string& name : set_names) {
            EXPECT_TRUE(write_file(folder_ / (name + "/list.txt"), std::string_view("red\n")));
            EXPECT_TRUE(write_file(folder_ / (name + "/boxes/red.txt"), std::string_view("24 18 40 30\n")));
            EXPECT_TRUE(vision::save_png(image, folder_ / (name + "/images/red.png")));
            EXPECT_TRUE(vision::save_png(mask, folder_ / (name + "/drivable/red.png")));
            EXPECT_TRUE(vision::save_png(mask, folder_ / (name + "/lane/red.png")));
        }
        for (const std::string& name : npy_names)
            EXPECT_TRUE(save_npy(Tensor(DType::float32, {1, 3, 32, 32}), folder_ / name));
        fs::create_directory_symlink(source_folder + "/data", folder_ / "data");
        fs::create_directory(folder_ / "build");
        fs::create_directory_symlink(OCTET_BINARY_DIR "/bin", folder_ / "build/bin");
    }

    ProgramResult run(const std::string& command) const {
        return run_shell(fmt::format("cd '{}' && PATH=\"$PWD/build/bin:$PATH\" && {}", folder_.path(), command));
    }
    bool has(const std::string& file) const { return fs::exists(folder_ / file); }
    bool has_picture() const {
        const fs::recursive_directory_iterator files(folder_.path());
        return std::any_of(begin(files), end(files),
                           [](const auto& file) { return file.path().string().ends_with(".yolop.png"); });
    }

  private:
    TemporaryFolder folder_;
};

void expect_works(const Workplace& place, const std::string& command, const std::string& where) {
    const auto result = place.run(command);
    // The only command that may fail, and only with this reason.
    const bool lacks_level = result.exit_code == exit_error && command.rfind("OCTET_ISA=", 0) == 0 &&
                             result.err.find("the best level here is") != std::string::npos;
    if (lacks_level) return;
    EXPECT_EQ(result.exit_code, exit_ok) << where << ": " << command << "\n" << result.err;
    EXPECT_THAT(result.err, Not(HasSubstr("Failed to match any benchmarks"))) << where << ": " << command;
    const auto words = words_of(command);
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        const std::string& file = words[i + 1];
        if (output_options.count(words[i]) != 0 && file[0] != '-' && file[0] != '>')
            EXPECT_TRUE(place.has(file)) << where << ": " << command << "\nwrote no " << file;
    }
    if (program_of(command) == "yolop-run") EXPECT_TRUE(place.has_picture()) << where << ": " << command;
}

void expect_commands_work(const Document& document) {
    const Workplace place;
    const std::string ci = text_of(source_folder + "/.ci/run");
    for (const Command& command : document.commands) {
        const auto other = std::find_if(elsewhere.begin(), elsewhere.end(),
                                        [&](const Elsewhere& one) { return command.text.rfind(one.start, 0) == 0; });
        if (other != elsewhere.end()) {
            EXPECT_NE(ci.find(other->stage), std::string::npos) << other->start << " runs nowhere";
            continue;
        }
        if (command.text.rfind(slow_command, 0) == 0) {
            EXPECT_NE(ci.find(slow_variable), std::string::npos) << command.text << " runs nowhere";
            if (std::getenv(slow_variable)) expect_works(place, command.text + slow_command_limit, command.where);
            continue;
        }
        for (const std::string& spelling : spelled_out(command.text)) expect_works(place, spelling, command.where);
    }
}

std::map<std::string, Document> documents() {
    std::vector<std::string> paths{"README.md", "bench/README.md", "models/README.md", "data/README.md"};
    if (fs::is_directory(source_folder + "/docs"))
        for (const auto& file : fs::recursive_directory_iterator(source_folder + "/docs"))
            if (file.path().extension() == ".md") paths.push_back(fs::relative(file.path(), source_folder).string());
    std::map<std::string, Document> documents;
    for (const std::string& path : paths) documents[path] = parse_markdown(text_of(source_folder + "/" + path), path);
    return documents;
}

// All of "--name" in a text.
std::set<std::string> options_in(const std::string& text) {
    static const std::regex option("(^|[^a-zA-Z0-9_-])(--[a-z][a-z0-9_-]*)");
    std::set<std::string> options;
    for (std::sregex_iterator it(text.begin(), text.end(), option), end; it != end; ++it)
        options.insert((*it)[2].str());
    return options;
}

// Of each program.
const std::map<std::string, std::set<std::string>>& known_options() {
    static const auto all = [] {
        std::map<std::string, std::set<std::string>> options;
        for (const std::string& program : programs)
            options[program] = options_in(run_program_text(program + " --help").out);
        for (const char* compared : {"peers", "zoo"})
            options["run.sh"].merge(options_in(text_of(source_folder + "/bench/" + compared + "/compare.py")));
        options["end_to_end.sh"] = options_in(text_of(source_folder + "/bench/peers/end_to_end.py"));
        options["kernels-bench"] = {"--benchmark_filter", "--benchmark_repetitions", "--benchmark_min_time"};
        return options;
    }();
    return all;
}

bool is_option_of_any(const std::string& option) {
    return std::any_of(known_options().begin(), known_options().end(),
                       [&](const auto& program) { return program.second.count(option) != 0; });
}

TEST(DocumentedCommands, OfTheDocumentsWork) {
    std::size_t count = 0;
    for (const auto& [path, document] : documents()) {
        SCOPED_TRACE(path);
        count += document.commands.size();
        expect_commands_work(document);
    }
    EXPECT_GE(count, 20U) << "the documents are not read as they should be";
}

TEST(DocumentedCommands, OfHelpWork) {
    for (const std::string& program : programs) {
        const Document document = parse_help(run_program_text(program + " --help").out, program);
        EXPECT_FALSE(document.commands.empty()) << program << " --help gives no examples";
        for (const Command& command : document.commands) EXPECT_EQ(program_of(command.text), program);
        expect_commands_work(document);
    }
}

TEST(DocumentedCommands, TheirOptionsExist) {
    for (const auto& [path, document] : documents()) {
        for (const Command& command : document.options) {
            const auto program = known_options().find(program_of(command.text));
            for (const std::string& option : options_in(command.text)) {
                const bool known =
                    program == known_options().end() ? is_option_of_any(option) : program->second.count(option) != 0;
                EXPECT_TRUE(known) << command.where << ": " << command.text;
            }
        }
    }
}

// A message that tells a user to give an option names one that there is: in a program's own file one of that program.
TEST(DocumentedCommands, OptionsInMessagesExist) {
    static const std::regex literal(R"re("(?:[^"\\\n]|\\.)*")re");
    std::size_t count = 0;
    for (const std::string folder :
         {"apps", "base", "engine", "frontends", "graph", "kernels", "quantizer", "vision", "yolop"}) {
        for (const auto& file : fs::recursive_directory_iterator(source_folder + "/" + folder)) {
            if (file.path().extension() != ".cc" && file.path().extension() != ".h") continue;
            const std::string source = text_of(file.path().string());
            std::string stem = file.path().stem().string();
            std::replace(stem.begin(), stem.end(), '_', '-');
            const auto program = known_options().find(stem);
            for (std::sregex_iterator it(source.begin(), source.end(), literal), end; it != end; ++it) {
                for (const std::string& option : options_in(it->str())) {
                    ++count;
                    const bool known = program == known_options().end() ? is_option_of_any(option)
                                                                        : program->second.count(option) != 0;
                    EXPECT_TRUE(known) << file.path() << ": " << option << " in " << it->str();
                }
            }
        }
    }
    EXPECT_GE(count, 50U) << "the sources are not read as they should be";
}

}  // namespace
}  // namespace octet::apps
