// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The part of the table of system calls that concerns file descriptors, memory mappings and
// sockets; see system.hpp. Programs have no reason to touch it.

#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

namespace coeval {

// Entries that return a descriptor, a size or a count return -errno when they fail; the others
// return 0 or the errno value. Every descriptor made or received is close-on-exec, and none is one of
// the standard ones, 0 to 2, however many of these are closed: what the program prints is not for it.
struct DescriptorCalls {
  int (*close)(int fd) noexcept;
  int (*duplicate)(int fd) noexcept;  // F_DUPFD_CLOEXEC, at least 3
  int (*open)(const char* path, int flags, mode_t mode) noexcept;
  int (*redirect)(int from, int to) noexcept;  // dup2(2): to becomes from's file
  int (*unlink)(const char* path) noexcept;
  ssize_t (*size)(int fd) noexcept;
  // The device and inode of an open file: the same two numbers mean the same file.
  int (*identity)(int fd, std::uint64_t* device, std::uint64_t* inode) noexcept;
  // The same of what is at a path, and its type and permissions. lstat(2).
  int (*look)(const char* path, std::uint64_t* device, std::uint64_t* inode, mode_t* mode) noexcept;

  int (*memory_file)(const char* name) noexcept;  // memfd_create(2), sealable
  int (*shared_open)(const char* name, int flags, mode_t mode) noexcept;  // shm_open(3)
  int (*shared_unlink)(const char* name) noexcept;
  int (*truncate)(int fd, off_t size) noexcept;
  int (*allocate)(int fd, off_t offset, off_t size) noexcept;                // posix_fallocate(3)
  ssize_t (*write)(int fd, const iovec* parts, std::size_t count) noexcept;  // writev(2)
  int (*seal)(int fd, int seals) noexcept;                                   // F_ADD_SEALS
  int (*seals)(int fd) noexcept;                                             // F_GET_SEALS
  // mmap(2) of a file from 0, shared; null and *error when it fails.
  void* (*map)(std::size_t size, int protection, int fd, int* error) noexcept;
  // The same, private: one of which nobody else sees a change. Only such a one may a file have that
  // is sealed against writing, before Linux 6.7.
  void* (*map_private)(std::size_t size, int protection, int fd, int* error) noexcept;
  int (*unmap)(void* address, std::size_t size) noexcept;
  int (*advise)(void* address, std::size_t size, int advice) noexcept;  // madvise(2)

  int (*socket)(int domain, int type, int protocol) noexcept;
  int (*socket_pair)(int type, int* pair) noexcept;  // AF_UNIX
  int (*bind)(int fd, const sockaddr* address, socklen_t size) noexcept;
  int (*listen)(int fd, int backlog) noexcept;
  int (*accept)(int fd, sockaddr* address, socklen_t* size) noexcept;
  int (*connect)(int fd, const sockaddr* address, socklen_t size) noexcept;
  int (*shutdown)(int fd, int how) noexcept;
  int (*get_option)(int fd, int level, int option, void* value, socklen_t* size) noexcept;
  int (*set_option)(int fd, int level, int option, const void* value, socklen_t size) noexcept;
  int (*socket_name)(int fd, sockaddr* address, socklen_t* size) noexcept;
  ssize_t (*send)(int fd, const msghdr* message, int flags) noexcept;
  ssize_t (*receive)(int fd, msghdr* message, int flags) noexcept;
  // Waits until one of the descriptors is ready or the CLOCK_MONOTONIC time: how many are.
  int (*poll)(pollfd* descriptors, std::size_t count, std::int64_t deadline_ns) noexcept;
};

}  // namespace coeval
