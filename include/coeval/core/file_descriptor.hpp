// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// FileDescriptor: an open file that closes itself.

#include <coeval/core/export.hpp>

#include <string>
#include <utility>

namespace coeval {

// Owns one open file descriptor of this process, or none, and closes it. Moves; duplicate() copies.
// It can be pickled when it travels over a connection or as an argument of a Process: the receiver
// owns a descriptor of the same open file, and the sender keeps its own.
//
//   FileDescriptor file(::open("data.bin", O_RDONLY | O_CLOEXEC));
//
// For one thread at a time, as an int is.
class COEVAL_EXPORT FileDescriptor {
 public:
  FileDescriptor() noexcept = default;
  // Takes ownership of fd; a negative number is none.
  explicit FileDescriptor(int fd) noexcept : fd_(fd < 0 ? -1 : fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      reset(other.release());
    }
    return *this;
  }
  ~FileDescriptor() { reset(); }

  // The number, -1 for none. Owned as before.
  int get() const noexcept { return fd_; }
  // Gives the ownership away: the number, or -1.
  int release() noexcept { return std::exchange(fd_, -1); }
  // Closes what is owned and takes fd instead.
  void reset(int fd = -1) noexcept;

  explicit operator bool() const noexcept { return fd_ >= 0; }

  // Another descriptor of the same open file, close-on-exec; none for none.
  // Errors: std::system_error, EMFILE when the process has too many.
  FileDescriptor duplicate() const;

 private:
  int fd_ = -1;
};

// "<FileDescriptor 7>" or "<FileDescriptor closed>".
COEVAL_EXPORT std::string to_string(const FileDescriptor& descriptor);

}  // namespace coeval
