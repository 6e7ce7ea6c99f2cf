#include "apps/common/cli.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <new>

#include "apps/common/host.h"
#include "base/cpus.h"
#include "base/did_you_mean.h"
#include "kernels/cpu.h"

namespace octet::apps {
namespace {

bool quiet = false;

// What to say of a machine and a build when reporting a fault or a figure.
std::string info(const CLI::App& app) {
    const auto features = kernels::choose_features();
    std::string levels;
    for (const kernels::Level& level : kernels::levels()) {
        if (!level.built) continue;
        levels += fmt::format("{}{}{}", levels.empty() ? "" : ", ", level.name,
                              kernels::available(level) ? "" : " (not on this CPU)");
    }
    return fmt::format("{} {}\nCPU      {}\nlevel    {}\nlevels   {}\nthreads  {}\nbuild    {}, {}\nmodel    {}",
                       app.get_name(), OCTET_VERSION, cpu_description(),
                       features ? kernels::level_name(*features) : features.error().c_str(), levels, usable_cpus(),
                       OCTET_BUILD, OCTET_COMPILER, default_model());
}

// What CLI11 says of arguments that nobody expects, with the option that may have been meant.
std::string usage_error(const CLI::App& app, const CLI::ParseError& error) {
    std::string text = error.what();
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options()) {
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
    for (const std::string& extra : app.remaining()) {
        if (extra.starts_with("--")) text += did_you_mean(extra.substr(0, extra.find('=')), names);
    }
    return text;
}

// A full disk behind a redirection would else be found by nobody: stdout is buffered.
bool flush_output() {
    return std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
}

// Like print_error(), but needs no memory.
void print_reason(const char* reason) {
    std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, reason);
}

// Of an exception that leaves a function which must not throw: libraries allocate in destructors.
[[noreturn]] void on_terminate() {
    try {
        if (const auto error = std::current_exception()) std::rethrow_exception(error);
    } catch (const std::bad_alloc&) {
        print_reason("out of memory");
        std::_Exit(exit_error);
    } catch (const std::exception& error) {
        print_reason(error.what());
    } catch (...) {
        print_reason("an unknown exception");
    }
    std::abort();
}

}  // namespace

int guarded_main(int argc, char** argv, int (*body)(int argc, char** argv)) {
    // Whoever started the program may ignore it: a reader that goes away, head for example, ends the program silently.
    std::signal(SIGPIPE, SIG_DFL);
    std::set_terminate(on_terminate);
    try {
        return body(argc, argv);
    } catch (const std::bad_alloc&) {
        print_reason("out of memory");
    } catch (const std::exception& error) {
        print_reason(error.what());
    }
    return exit_error;
}

int run_program(CLI::App& app, int argc, char** argv, const std::function<Result<ExitCode>()>& run) {
    app.set_version_flag("--version", fmt::format("{} {}", app.get_name(), OCTET_VERSION));
    app.add_flag_callback(
        "--info",
        [&app] {
            fmt::print("{}\n", info(app));
            throw CLI::Success();
        },
        "Version, CPU, level of kernels, threads, build");
    app.add_flag("-q,--quiet", quiet, "Errors and results only: no progress, no notices");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error);
        print_error(app.get_name(), fmt::format("{}\nTry '{} --help'.", usage_error(app, error), app.get_name()));
        return exit_usage;
    }
    const auto code = run();
    if (!code) {
        print_error(app.get_name(), code.error().message);
        return code.error().code == ErrorCode::conflict ? exit_usage : exit_error;
    }
    if (!flush_output()) {
        print_error(app.get_name(), fmt::format("stdout: cannot be written: {}", std::strerror(errno)));
        return exit_error;
    }
    return *code;
}

void print_error(const std::string& program, const std::string& message) {
    fmt::print(stderr, "{}: {}\n", program, message);
}

bool is_quiet() {
    return quiet;
}

void print_notice(const std::string& program, const std::string& message) {
    if (!quiet) print_error(program, message);
}

void add_threads_option(CLI::App& app, int& threads) {
    app.add_option("--threads", threads, "Threads, no more than there are CPUs to use; 0: as many")
        ->check(CLI::Range(0, 1024))
        ->capture_default_str();
    app.parse_complete_callback([&app, &threads] {
        const int cpus = usable_cpus();
        if (threads <= cpus) return;
        print_notice(app.get_name(), fmt::format("{} threads would only wait for each other: this process may use {} "
                                                 "CPU{}, so {} run{}",
                                                 threads, cpus, cpus == 1 ? "" : "s", cpus, cpus == 1 ? "s" : ""));
        threads = cpus;
    });
}

Result<std::pair<std::string, std::string>> split_assignment(const std::string& text) {
    // The last "=", for names may contain one.
    const std::size_t at = text.rfind('=');
    if (at == std::string::npos || at == 0 || at + 1 == text.size())
        return fail(ErrorCode::invalid_argument, "'{}' is not NAME=VALUE", text);
    return std::pair(text.substr(0, at), text.substr(at + 1));
}

std::string check_assignment(const std::string& text) {
    const auto assignment = split_assignment(text);
    return assignment ? std::string() : assignment.error().message;
}

std::string resource_folder() {
    namespace fs = std::filesystem;
    std::error_code error;
    const fs::path program = fs::read_symlink("/proc/self/exe", error);
    if (error) return {};
    const fs::path bin = program.parent_path();
    for (const fs::path& folder : {bin / "../share/octet", bin / "../..", bin / "../../.."})
        if (fs::is_directory(folder / "data", error) || fs::is_directory(folder / "models", error))
            return fs::weakly_canonical(folder, error).string();
    return {};
}

std::string default_model() {
    return resource_folder() + "/models/yolop-640-int8.onnx";
}

}  // namespace octet::apps
