// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The addresses of listeners as the kernel wants them: unix(7).

#include <coeval/core/file_descriptor.hpp>

#include <sys/socket.h>
#include <sys/un.h>

#include <string>
#include <string_view>

namespace coeval::multiprocessing::detail {

class UnixAddress {
 public:
  // A path, or "@" and a name that has no file. Errors: ValueError in the name of the caller.
  UnixAddress(std::string_view text, const char* caller);

  bool has_file() const noexcept { return name_.sun_path[0] != '\0'; }
  const char* path() const noexcept { return name_.sun_path; }

  // 0 or the errno value of bind(2), connect(2).
  int bind(const FileDescriptor& socket) const noexcept;
  int connect(const FileDescriptor& socket) const noexcept;

 private:
  sockaddr_un name_{};
  socklen_t size_ = 0;
};

// A name without a file that nobody had before. Errors: std::system_error.
std::string fresh_address();

// A UNIX socket of this type, with flags. Errors: std::system_error in the name of the caller.
FileDescriptor unix_socket(int type, const char* caller);

// Removes the file at the address if it is a socket whose process has gone; nothing happens if there
// is no file. Of several processes that do this at the same time one removes the file, and the
// others never remove what was put in its place. Errors: std::system_error, EADDRINUSE if the file
// is something else.
void remove_dead_socket(const UnixAddress& address);

}  // namespace coeval::multiprocessing::detail
