// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "temporary_folder.hpp"

#include "interrupt.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <system_error>

namespace tour {

namespace {

[[noreturn]] void raise(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

std::string temporary_name(const std::string& rest) {
  return (std::filesystem::temp_directory_path() / rest).native();
}

}  // namespace

TemporaryFolder::TemporaryFolder(const std::vector<std::string>& names) {
  std::string path = temporary_name("coeval-tour-XXXXXX");
  const DelayedSignals delayed;
  if (mkdtemp(path.data()) == nullptr) {
    raise("cannot make a folder " + path);
  }
  path_ = path;
  for (const std::string& name : names) {
    contents_.push_back(file(name));
  }
  contents_.push_back(path);
  for (const std::string& entry : contents_) {
    for_signal_.push_back(entry.c_str());
  }
  for_signal_.push_back(nullptr);
  remove_when_told(for_signal_.data());
  try {
    for (const std::string& name : names) {
      write_file(file(name), "", Making::allowed);
    }
  } catch (const std::system_error&) {
    remove();
    throw;
  }
}

TemporaryFolder::~TemporaryFolder() {
  remove();
}

void TemporaryFolder::remove() noexcept {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
  remove_when_told(nullptr);
}

std::filesystem::path new_temporary_file(const std::string& suffix) {
  std::string path = temporary_name("coeval-tour-XXXXXX" + suffix);
  const int fd = mkostemps(path.data(), static_cast<int>(suffix.size()), O_CLOEXEC);
  if (fd < 0) {
    raise("cannot make a file " + path);
  }
  close(fd);
  return path;
}

void write_file(const std::filesystem::path& path, const std::string& content, Making making) {
  const int flags = O_WRONLY | O_TRUNC | O_CLOEXEC | (making == Making::allowed ? O_CREAT : 0);
  const int fd = open(path.c_str(), flags, 0666);
  if (fd < 0) {
    raise("cannot write " + path.native());
  }
  std::size_t written = 0;
  while (written < content.size()) {
    const ssize_t n = write(fd, content.data() + written, content.size() - written);
    if (n < 0 && errno != EINTR) {
      const int error = errno;
      close(fd);
      errno = error;
      raise("cannot write " + path.native());
    }
    written += static_cast<std::size_t>(n > 0 ? n : 0);
  }
  if (close(fd) != 0) {
    raise("cannot write " + path.native());
  }
}

}  // namespace tour
