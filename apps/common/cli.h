#pragma once

// What every program does alike: --help, --version, --info, --quiet, errors as "program: what" on stderr, exit codes.

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <utility>

#include "base/result.h"

namespace octet::apps {

enum ExitCode : int { exit_ok = 0, exit_check_failed = 1, exit_usage = 2, exit_error = 3 };

// For main(): what `body` returns. What it throws, being out of memory first of all, is printed and exits with 3.
int guarded_main(int argc, char** argv, int (*body)(int argc, char** argv));

// Parses the command line into what `app`'s options point to, then calls `run`. An error that `run` returns is printed
// and exits with 3; a wrong command line, one whose files contradict each other for example, with 2.
int run_program(CLI::App& app, int argc, char** argv, const std::function<Result<ExitCode>()>& run);

// "program: message" on stderr.
void print_error(const std::string& program, const std::string& message);

// --quiet: errors and results only; no progress, no notices, no line for each thing done where results are files.
bool is_quiet();
// "program: message" on stderr, unless is_quiet().
void print_notice(const std::string& program, const std::string& message);

// --threads N, 0 (the default) for as many as usable_cpus(); more are cut down to that, with a line on stderr.
void add_threads_option(CLI::App& app, int& threads);

// "NAME=VALUE" → {NAME, VALUE}
Result<std::pair<std::string, std::string>> split_assignment(const std::string& text);

// For CLI::Option::check: what is wrong with the text as NAME=VALUE, or nothing.
std::string check_assignment(const std::string& text);

// The folder that holds models/ and data/: the one above build/bin/ in a build tree, share/octet beside bin/ when
// installed. Found from where the program lies; empty when it is neither.
std::string resource_folder();
// models/yolop-640-int8.onnx there.
std::string default_model();

}  // namespace octet::apps
