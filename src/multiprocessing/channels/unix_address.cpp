// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/channels/unix_address.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/system.hpp>

#include <fmt/format.h>

#include <sys/stat.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <system_error>

namespace coeval::multiprocessing::detail {
namespace {

[[noreturn]] void fail(int error, std::string_view what) {
  throw std::system_error(error, std::generic_category(),
                          fmt::format("coeval::multiprocessing::Listener: {}", what));
}

// Held by the one process that may remove the file with this identity, which dies with it: a name
// without a file can be bound once.
FileDescriptor right_to_remove(std::uint64_t device, std::uint64_t inode, const char* path) {
  const std::string name = fmt::format("@coeval-remove-{:x}-{:x}", device, inode);
  FileDescriptor right = unix_socket(SOCK_DGRAM, "Listener");
  if (const int error = UnixAddress(name, "Listener").bind(right)) {
    fail(error, fmt::format("another process is just taking the place of the dead listener at '{}'",
                            path));
  }
  return right;
}

}  // namespace

UnixAddress::UnixAddress(std::string_view text, const char* caller) {
  constexpr std::size_t longest = sizeof name_.sun_path - 1;
  const bool nameless = text.starts_with('@');
  const std::string_view name = nameless ? text.substr(1) : text;
  if (name.empty() || name.size() > longest || name.find('\0') != std::string_view::npos) {
    throw ValueError(fmt::format(
        "coeval::multiprocessing::{}: {:?} is no address; give a path or '@' and a name, of 1 to "
        "{} bytes without null characters",
        caller, text, longest));
  }
  name_.sun_family = AF_UNIX;
  // A path ends with a null character, a name begins with one.
  std::memcpy(name_.sun_path + (nameless ? 1 : 0), name.data(), name.size());
  size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + 1);
}

int UnixAddress::bind(const FileDescriptor& socket) const noexcept {
  return sys().descriptor.bind(socket.get(), reinterpret_cast<const sockaddr*>(&name_), size_);
}

int UnixAddress::connect(const FileDescriptor& socket) const noexcept {
  return sys().descriptor.connect(socket.get(), reinterpret_cast<const sockaddr*>(&name_), size_);
}

std::string fresh_address() {
  std::uint64_t random = 0;
  if (const int error = sys().random(&random, sizeof random)) {
    fail(error, "no random name: getentropy");
  }
  return fmt::format("@coeval-{}-{:016x}", sys().getpid(), random);
}

FileDescriptor unix_socket(int type, const char* caller) {
  const int fd = sys().descriptor.socket(AF_UNIX, type, 0);
  if (fd < 0) {
    throw std::system_error(-fd, std::generic_category(),
                            fmt::format("coeval::multiprocessing::{}: socket", caller));
  }
  return FileDescriptor(fd);
}

// A path that exists stays the same file until somebody removes it. The owner of a socket removes it
// while it lives, and of those who remove a dead one's only the holder of the right does; so what was
// looked at under the right is what is removed.
void remove_dead_socket(const UnixAddress& address) {
  const char* const path = address.path();
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  mode_t mode = 0;
  if (const int error = sys().descriptor.look(path, &device, &inode, &mode)) {
    if (error == ENOENT) {
      return;
    }
    fail(error, fmt::format("looking at '{}'", path));
  }
  if (!S_ISSOCK(mode)) {
    fail(EADDRINUSE, fmt::format("'{}' is a file and no socket; give another path", path));
  }
  const FileDescriptor right = right_to_remove(device, inode, path);
  std::uint64_t device_now = 0;
  std::uint64_t inode_now = 0;
  if (sys().descriptor.look(path, &device_now, &inode_now, &mode) != 0 || device_now != device ||
      inode_now != inode) {
    return;  // somebody else was faster: bind() will tell
  }
  // A datagram socket cannot connect to a listener, which does not notice; the kernel says whether
  // there is one.
  const int answer = address.connect(unix_socket(SOCK_DGRAM | SOCK_NONBLOCK, "Listener"));
  if (answer != ECONNREFUSED) {
    fail(EADDRINUSE, fmt::format("somebody listens at '{}'; give another path, or end the other "
                                 "listener first",
                                 path));
  }
  if (const int error = sys().descriptor.unlink(path)) {
    fail(error, fmt::format("removing '{}', which a dead listener left", path));
  }
}

}  // namespace coeval::multiprocessing::detail
