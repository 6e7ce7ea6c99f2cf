#include "apps/common/cli.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <new>

#include "base/cpus.h"

namespace octet::apps {
namespace {

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
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error);
        print_error(app.get_name(), fmt::format("{}\nTry '{} --help'.", error.what(), app.get_name()));
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

void add_threads_option(CLI::App& app, int& threads) {
    app.add_option("--threads", threads, "Threads, no more than there are CPUs to use; 0: as many")
        ->check(CLI::Range(0, 1024))
        ->capture_default_str();
    app.parse_complete_callback([&app, &threads] {
        const int cpus = usable_cpus();
        if (threads <= cpus) return;
        print_error(app.get_name(), fmt::format("{} threads would only wait for each other: this process may use {} "
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
