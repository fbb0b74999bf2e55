// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The kernel's own parts of the table of system calls, constants like the table itself.

#include <coeval/core/descriptor_calls.hpp>
#include <coeval/core/process_calls.hpp>

namespace coeval::descriptor_kernel {

// What a call has made that returns a descriptor, or -1 and errno: its number, at least 3, or
// -errno. A program that has closed its standard descriptors gets their numbers for new ones, and
// what it prints would go into them.
int above_standard(int result) noexcept;

int close(int fd) noexcept;
int duplicate(int fd) noexcept;
int open(const char* path, int flags, mode_t mode) noexcept;
int redirect(int from, int to) noexcept;
int unlink(const char* path) noexcept;
ssize_t size(int fd) noexcept;
int identity(int fd, std::uint64_t* device, std::uint64_t* inode) noexcept;
int look(const char* path, std::uint64_t* device, std::uint64_t* inode, mode_t* mode) noexcept;
int memory_file(const char* name) noexcept;
int shared_open(const char* name, int flags, mode_t mode) noexcept;
int shared_unlink(const char* name) noexcept;
int truncate(int fd, off_t size) noexcept;
int allocate(int fd, off_t offset, off_t size) noexcept;
ssize_t write(int fd, const iovec* parts, std::size_t count) noexcept;
int seal(int fd, int seals) noexcept;
int seals(int fd) noexcept;
void* map(std::size_t size, int protection, int fd, int* error) noexcept;
void* map_private(std::size_t size, int protection, int fd, int* error) noexcept;
int unmap(void* address, std::size_t size) noexcept;
int advise(void* address, std::size_t size, int advice) noexcept;
int socket(int domain, int type, int protocol) noexcept;
int socket_pair(int type, int* pair) noexcept;
int bind(int fd, const sockaddr* address, socklen_t size) noexcept;
int listen(int fd, int backlog) noexcept;
int accept(int fd, sockaddr* address, socklen_t* size) noexcept;
int connect(int fd, const sockaddr* address, socklen_t size) noexcept;
int shutdown(int fd, int how) noexcept;
int get_option(int fd, int level, int option, void* value, socklen_t* size) noexcept;
int set_option(int fd, int level, int option, const void* value, socklen_t size) noexcept;
int socket_name(int fd, sockaddr* address, socklen_t* size) noexcept;
ssize_t send(int fd, const msghdr* message, int flags) noexcept;
ssize_t receive(int fd, msghdr* message, int flags) noexcept;
int poll(pollfd* descriptors, std::size_t count, std::int64_t deadline_ns) noexcept;

inline constexpr DescriptorCalls calls{.close = close,
                                       .duplicate = duplicate,
                                       .open = open,
                                       .redirect = redirect,
                                       .unlink = unlink,
                                       .size = size,
                                       .identity = identity,
                                       .look = look,
                                       .memory_file = memory_file,
                                       .shared_open = shared_open,
                                       .shared_unlink = shared_unlink,
                                       .truncate = truncate,
                                       .allocate = allocate,
                                       .write = write,
                                       .seal = seal,
                                       .seals = seals,
                                       .map = map,
                                       .map_private = map_private,
                                       .unmap = unmap,
                                       .advise = advise,
                                       .socket = socket,
                                       .socket_pair = socket_pair,
                                       .bind = bind,
                                       .listen = listen,
                                       .accept = accept,
                                       .connect = connect,
                                       .shutdown = shutdown,
                                       .get_option = get_option,
                                       .set_option = set_option,
                                       .socket_name = socket_name,
                                       .send = send,
                                       .receive = receive,
                                       .poll = poll};

}  // namespace coeval::descriptor_kernel

namespace coeval::process_kernel {

int spawn(const SpawnRequest& request, pid_t* pid) noexcept;
int open(pid_t pid) noexcept;
int signal(int pidfd, int number) noexcept;
int reap(int pidfd, int* code) noexcept;
void discard(pid_t pid) noexcept;
pid_t parent() noexcept;
uid_t user() noexcept;
int die_with_parent() noexcept;
int signal_mask(sigset_t* mask) noexcept;
int block_signals(const sigset_t* mask) noexcept;

inline constexpr ProcessCalls calls{.spawn = spawn,
                                    .open = open,
                                    .signal = signal,
                                    .reap = reap,
                                    .discard = discard,
                                    .parent = parent,
                                    .user = user,
                                    .die_with_parent = die_with_parent,
                                    .signal_mask = signal_mask,
                                    .block_signals = block_signals};

}  // namespace coeval::process_kernel
