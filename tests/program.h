#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

#include "base/file.h"
#include "tests/test_files.h"

namespace octet {

struct ProgramResult {
    int exit_code = -1;  // 128 + signal when it crashed, as the shell says
    std::string out, err;
};

// What the shell makes of a line.
inline ProgramResult run_shell(const std::string& command) {
    const TemporaryFolder folder;
    const std::string line = "{ " + command + "\n} 2>" + (folder / "stderr");
    ProgramResult result;
    std::FILE* pipe = ::popen(line.c_str(), "r");
    std::array<char, 4096> buffer;
    for (std::size_t count; (count = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
        result.out.append(buffer.data(), count);
    const int status = ::pclose(pipe);
    result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    const auto err = read_file(folder / "stderr", 1 << 24);
    if (err) result.err.assign(err->begin(), err->end());
    return result;
}

// Runs "program arguments" of build/bin by the shell, behind shell commands that end in ";"; by the emulator where the
// build is for another machine.
inline ProgramResult run_program_text(const std::string& command, const std::string& before = "") {
    const std::string emulator = OCTET_EMULATOR;
    return run_shell(before + emulator + (emulator.empty() ? "" : " ") + OCTET_BINARY_DIR + "/bin/" + command);
}

}  // namespace octet
