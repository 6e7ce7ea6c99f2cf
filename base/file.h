#pragma once

// Whole files in and out.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace octet {

// The file's bytes. More than `limit` bytes, a folder or an unreadable path are errors that name the file.
Result<std::vector<std::uint8_t>> read_file(const std::string& path, std::size_t limit);

// The file appears under its name only when it is complete. Missing folders are made. On an error, a full disk for one,
// or when the program is killed, nothing is left behind and what was there before stays. Errors name the file. Symbolic
// links are followed. What is there already and no regular file, a device or a pipe, is written to instead.
Result<void> write_file(const std::string& path, std::span<const std::byte> bytes);
Result<void> write_file(const std::string& path, std::span<const std::uint8_t> bytes);
Result<void> write_file(const std::string& path, std::string_view text);
// All bytes to an open descriptor, whatever signals come in between. False: not all of them, see errno.
bool write_all(int descriptor, std::span<const std::byte> bytes);

// The same in parts, for results that come one after the other. One that is not finished leaves nothing behind.
class OutputFile {
  public:
    static Result<OutputFile> create(const std::string& path);
    OutputFile(OutputFile&&) noexcept;
    OutputFile& operator=(OutputFile&&) noexcept;
    ~OutputFile();

    // Behind what was written before.
    Result<void> write(std::span<const std::byte> bytes);
    Result<void> write(std::string_view text);
    // From the byte `offset` on, for headers that are known at the end. A device or a pipe cannot go back.
    Result<void> write_at(std::int64_t offset, std::span<const std::byte> bytes);
    // Now the file appears under its name. Nothing can be written after it.
    Result<void> finish();

  private:
    class Impl;
    explicit OutputFile(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// For before the work whose results go there: the error that write_file would meet at its end, as far as can be told
// without making anything. That of a folder is about files in it; it need not be there yet.
Result<void> check_writable(const std::string& path);
Result<void> check_folder_writable(const std::string& path);
// An error when an output is one of the inputs or another output, by whatever name.
Result<void> check_distinct(const std::vector<std::string>& outputs, const std::vector<std::string>& inputs);
// Both.
Result<void> check_outputs(const std::vector<std::string>& outputs, const std::vector<std::string>& inputs);

// "dir/scene-1.jpg" → "scene-1".
std::string stem_of(const std::string& path);
// `name` with every character that a file name cannot hold (control characters and / \ : * ? " < > |) as "_"; a name
// of dots only, or none, is "_" too.
std::string file_name_for(const std::string& name);

}  // namespace octet
