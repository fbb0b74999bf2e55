// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "core/kernel_calls.hpp"

#include <coeval/core/system.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace coeval::descriptor_kernel {
namespace {

// What a program prints or reads goes to the descriptors below this one, whatever they are.
constexpr int first_of_ours = 3;

constexpr std::int64_t nanoseconds_per_second = 1'000'000'000;

int error_of(int result) noexcept {
  return result == 0 ? 0 : errno;
}

template <class Count>
Count or_error(Count result) noexcept {
  return result >= 0 ? result : static_cast<Count>(-errno);
}

void* map_as(int sharing, std::size_t size, int protection, int fd, int* error) noexcept {
  void* const address = ::mmap(nullptr, size, protection, sharing, fd, 0);
  if (address == MAP_FAILED) {
    *error = errno;
    return nullptr;
  }
  return address;
}

// The numbers of a message's descriptors, above the standard ones. One that has no room there is
// closed, and cut off the message as the kernel cuts off what it has no room for: MSG_CTRUNC.
void keep_above_standard(msghdr* message) noexcept {
  for (cmsghdr* part = CMSG_FIRSTHDR(message); part != nullptr; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(part) + i * sizeof number, sizeof number);
      number = above_standard(number);
      if (number >= 0) {
        std::memcpy(CMSG_DATA(part) + kept++ * sizeof number, &number, sizeof number);
      }
    }
    if (kept != count) {
      part->cmsg_len = CMSG_LEN(kept * sizeof(int));
      message->msg_flags |= MSG_CTRUNC;
    }
  }
}

}  // namespace

int above_standard(int result) noexcept {
  if (result < 0 || result >= first_of_ours) {
    return or_error(result);
  }
  const int moved = or_error(::fcntl(result, F_DUPFD_CLOEXEC, first_of_ours));
  ::close(result);
  return moved;
}

// Linux has closed the descriptor even when it reports EINTR or EIO: close(2).
int close(int fd) noexcept {
  return error_of(::close(fd));
}

int duplicate(int fd) noexcept {
  return or_error(::fcntl(fd, F_DUPFD_CLOEXEC, first_of_ours));
}

int open(const char* path, int flags, mode_t mode) noexcept {
  return above_standard(::open(path, flags | O_CLOEXEC, mode));
}

int redirect(int from, int to) noexcept {
  return ::dup2(from, to) == to ? 0 : errno;
}

int unlink(const char* path) noexcept {
  return error_of(::unlink(path));
}

ssize_t size(int fd) noexcept {
  struct stat status{};
  return ::fstat(fd, &status) == 0 ? static_cast<ssize_t>(status.st_size) : -errno;
}

int identity(int fd, std::uint64_t* device, std::uint64_t* inode) noexcept {
  struct stat status{};
  if (::fstat(fd, &status) != 0) {
    return errno;
  }
  *device = status.st_dev;
  *inode = status.st_ino;
  return 0;
}

int look(const char* path, std::uint64_t* device, std::uint64_t* inode, mode_t* mode) noexcept {
  struct stat status{};
  if (::lstat(path, &status) != 0) {
    return errno;
  }
  *device = status.st_dev;
  *inode = status.st_ino;
  *mode = status.st_mode;
  return 0;
}

int memory_file(const char* name) noexcept {
  return above_standard(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
}

int shared_open(const char* name, int flags, mode_t mode) noexcept {
  return above_standard(::shm_open(name, flags | O_CLOEXEC, mode));
}

int shared_unlink(const char* name) noexcept {
  return error_of(::shm_unlink(name));
}

int truncate(int fd, off_t size) noexcept {
  return error_of(::ftruncate(fd, size));
}

// A signal ends a call on a memory file, and the kernel takes back what that call has allocated. So
// each call is a short one: under the signals of a profiler's timer a long one would never end.
int allocate(int fd, off_t offset, off_t size) noexcept {
  constexpr off_t step = off_t{256} << 10;
  for (const off_t end = offset + size; offset < end;) {
    const off_t part = end - offset < step ? end - offset : step;
    const int error = ::posix_fallocate(fd, offset, part);
    if (error == 0) {
      offset += part;
    } else if (error != EINTR) {
      return error;
    }
  }
  return 0;
}

ssize_t write(int fd, const iovec* parts, std::size_t count) noexcept {
  return or_error(::writev(fd, parts, static_cast<int>(count)));
}

int seal(int fd, int seals) noexcept {
  return error_of(::fcntl(fd, F_ADD_SEALS, seals));
}

int seals(int fd) noexcept {
  return or_error(::fcntl(fd, F_GET_SEALS));
}

void* map(std::size_t size, int protection, int fd, int* error) noexcept {
  return map_as(MAP_SHARED, size, protection, fd, error);
}

void* map_private(std::size_t size, int protection, int fd, int* error) noexcept {
  return map_as(MAP_PRIVATE, size, protection, fd, error);
}

int unmap(void* address, std::size_t size) noexcept {
  return error_of(::munmap(address, size));
}

int advise(void* address, std::size_t size, int advice) noexcept {
  return error_of(::madvise(address, size, advice));
}

int socket(int domain, int type, int protocol) noexcept {
  return above_standard(::socket(domain, type | SOCK_CLOEXEC, protocol));
}

int socket_pair(int type, int* pair) noexcept {
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) != 0) {
    return errno;
  }
  const int first = above_standard(pair[0]);
  const int second = above_standard(pair[1]);
  if (first < 0 || second < 0) {
    ::close(first);  // one of them may be none
    ::close(second);
    return first < 0 ? -first : -second;
  }
  pair[0] = first;
  pair[1] = second;
  return 0;
}

int bind(int fd, const sockaddr* address, socklen_t size) noexcept {
  return error_of(::bind(fd, address, size));
}

int listen(int fd, int backlog) noexcept {
  return error_of(::listen(fd, backlog));
}

int accept(int fd, sockaddr* address, socklen_t* size) noexcept {
  return above_standard(::accept4(fd, address, size, SOCK_CLOEXEC));
}

int connect(int fd, const sockaddr* address, socklen_t size) noexcept {
  return error_of(::connect(fd, address, size));
}

int shutdown(int fd, int how) noexcept {
  return error_of(::shutdown(fd, how));
}

int get_option(int fd, int level, int option, void* value, socklen_t* size) noexcept {
  return error_of(::getsockopt(fd, level, option, value, size));
}

int set_option(int fd, int level, int option, const void* value, socklen_t size) noexcept {
  return error_of(::setsockopt(fd, level, option, value, size));
}

int socket_name(int fd, sockaddr* address, socklen_t* size) noexcept {
  return error_of(::getsockname(fd, address, size));
}

// A closed other end is an error here, never a SIGPIPE.
ssize_t send(int fd, const msghdr* message, int flags) noexcept {
  return or_error(::sendmsg(fd, message, flags | MSG_NOSIGNAL));
}

ssize_t receive(int fd, msghdr* message, int flags) noexcept {
  const ssize_t got = or_error(::recvmsg(fd, message, flags | MSG_CMSG_CLOEXEC));
  if (got >= 0 && message->msg_controllen != 0) {
    keep_above_standard(message);
  }
  return got;
}

int poll(pollfd* descriptors, std::size_t count, std::int64_t deadline_ns) noexcept {
  timespec left{};
  const timespec* timeout = nullptr;
  if (deadline_ns != never_ns) {
    const std::int64_t now = deadline_ns > 0 ? sys().monotonic_ns() : 0;
    const std::int64_t time = deadline_ns > now ? deadline_ns - now : 0;
    left.tv_sec = time / nanoseconds_per_second;
    left.tv_nsec = time % nanoseconds_per_second;
    timeout = &left;
  }
  return or_error(::ppoll(descriptors, count, timeout, nullptr));
}

}  // namespace coeval::descriptor_kernel
