#pragma once

#include <unistd.h>

#include <utility>

namespace octet {

// Owns an open file of the operating system; negative: none.
class FileDescriptor {
  public:
    explicit FileDescriptor(int value) : value_(value) {}
    FileDescriptor(FileDescriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        std::swap(value_, other.value_);
        return *this;
    }
    ~FileDescriptor() {
        if (value_ >= 0) ::close(value_);
    }
    int get() const { return value_; }
    // Some file systems report lost bytes only here.
    bool close() { return ::close(std::exchange(value_, -1)) == 0; }

  private:
    int value_;
};

}  // namespace octet
