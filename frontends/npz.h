#pragma once

// NumPy's .npz files: zip archives of NAME.npy (npy.h), stored or deflated.
// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT,
// https://numpy.org/doc/stable/reference/generated/numpy.savez.html

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "graph/ir/tensor.h"

namespace octet {

struct NpzEntry {
    std::string name;  // without .npy
    std::uint64_t offset = 0, stored_bytes = 0, bytes = 0;
    std::uint32_t crc = 0;
    bool deflated = false;
};

// Reads one array at a time. Errors name the file and the array.
class NpzReader {
  public:
    static Result<NpzReader> open(const std::string& path);

    const std::vector<NpzEntry>& entries() const { return entries_; }
    const NpzEntry* find(const std::string& name) const;
    // An array that takes more than `limit` bytes is refused before anything is allocated for it.
    Result<Tensor> load(const NpzEntry& entry, std::uint64_t limit = std::uint64_t{1} << 34);
    Result<Tensor> load(const std::string& name);

  private:
    std::string path_;
    std::ifstream file_;
    std::uint64_t size_ = 0;
    std::vector<NpzEntry> entries_;
};

// Writes arrays as they come, stored. The file appears under its name when close() succeeds; else nothing is left.
class NpzWriter {
  public:
    static Result<NpzWriter> create(const std::string& path);
    NpzWriter(NpzWriter&& other) noexcept;
    NpzWriter& operator=(NpzWriter&&) = delete;
    ~NpzWriter();

    Result<void> add(const std::string& name, const Tensor& tensor);
    Result<void> close();

  private:
    NpzWriter() = default;
    std::string path_, temporary_;
    std::ofstream file_;
    std::vector<NpzEntry> entries_;
    std::uint64_t at_ = 0;
};

}  // namespace octet
