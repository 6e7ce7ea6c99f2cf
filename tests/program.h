#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
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
    return run_shell(fmt::format("{}{}{}/bin/{}", before, OCTET_EMULATOR, OCTET_BINARY_DIR, command));
}

// A program whose stdin and stdout a test holds.
class Piped {
  public:
    explicit Piped(const std::string& command) {
        int in[2], out[2];
        EXPECT_EQ(::pipe2(in, O_CLOEXEC), 0);
        EXPECT_EQ(::pipe2(out, O_CLOEXEC), 0);
        pid_ = ::fork();
        if (pid_ == 0) {
            ::dup2(in[0], STDIN_FILENO);
            ::dup2(out[1], STDOUT_FILENO);
            ::execl("/bin/sh", "sh", "-c", ("exec " + command).c_str(), nullptr);
            ::_exit(127);
        }
        ::close(in[0]);
        ::close(out[1]);
        to_ = in[1];
        from_ = ::fdopen(out[0], "r");
    }
    Piped(const Piped&) = delete;
    Piped& operator=(const Piped&) = delete;
    ~Piped() { std::fclose(from_); }

    void write(const std::string& bytes) const {
        EXPECT_EQ(::write(to_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    }
    std::string read_line() {
        char* line = nullptr;
        std::size_t size = 0;
        const ssize_t length = ::getline(&line, &size, from_);
        std::string text(line, length > 0 ? static_cast<std::size_t>(length) : 0);
        std::free(line);
        return text;
    }
    void signal(int number) const { ::kill(pid_, number); }
    void close_input() const { ::close(to_); }
    int wait() const {
        int status = 0;
        ::waitpid(pid_, &status, 0);
        return status;
    }

  private:
    pid_t pid_ = -1;
    int to_ = -1;
    std::FILE* from_ = nullptr;
};

}  // namespace octet
