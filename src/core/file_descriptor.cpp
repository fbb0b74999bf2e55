// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/file_descriptor.hpp>

#include <coeval/core/system.hpp>

#include <fmt/format.h>

#include <system_error>

namespace coeval {

void FileDescriptor::reset(int fd) noexcept {
  const int before = std::exchange(fd_, fd < 0 ? -1 : fd);
  if (before >= 0) {
    sys().descriptor.close(before);
  }
}

FileDescriptor FileDescriptor::duplicate() const {
  if (fd_ < 0) {
    return {};
  }
  const int copy = sys().descriptor.duplicate(fd_);
  if (copy < 0) {
    throw std::system_error(-copy, std::generic_category(), "coeval::FileDescriptor::duplicate");
  }
  return FileDescriptor(copy);
}

std::string to_string(const FileDescriptor& descriptor) {
  return descriptor ? fmt::format("<FileDescriptor {}>", descriptor.get())
                    : "<FileDescriptor closed>";
}

}  // namespace coeval
