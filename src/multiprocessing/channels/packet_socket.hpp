// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Messages with descriptors over a UNIX socket of type SOCK_SEQPACKET: each is sent whole or not at
// all, whatever kills the sender, and received whole by one receiver.

#include <coeval/core/deadline.hpp>
#include <coeval/core/file_descriptor.hpp>
#include <coeval/multiprocessing/detail/message.hpp>
#include <coeval/pickle/parcel.hpp>

#include <cstddef>
#include <span>
#include <utility>

namespace coeval::multiprocessing::detail {

// The two ends. Errors: std::system_error.
std::pair<FileDescriptor, FileDescriptor> packet_sockets();

// Whether the descriptor is an end of such a pair.
bool is_packet_socket(int fd) noexcept;

// The most descriptors that one message can carry: SCM_MAX_FD of the kernel, less ours.
inline constexpr std::size_t most_descriptors = 250;

// Sends one message. A large one goes through a memory file, whose descriptor is sent. The socket
// is non-blocking here; the deadline bounds the wait for room. Errors: TimeoutError, nothing sent;
// ValueError for too many descriptors; std::system_error, EPIPE when the other end is closed.
// Its bytes are the front and the rest.
void send_packet(int fd, std::span<const std::byte> front, std::span<const std::byte> rest,
                 std::span<const FileDescriptor> descriptors, Deadline deadline);
inline void send_packet(int fd, std::span<const std::byte> bytes,
                        std::span<const FileDescriptor> descriptors, Deadline deadline) {
  send_packet(fd, bytes, {}, descriptors, deadline);
}

// Waits for one message and takes it. Errors: TimeoutError, nothing taken; EOFError when the other
// end is closed and nothing is left; PickleError for a packet that send_packet() does not make;
// ValueError if it is longer than most bytes, and std::system_error: it is lost.
Message receive_message(int fd, std::size_t most, Deadline deadline);
pickle::Parcel receive_packet(int fd, std::size_t most, Deadline deadline);

// The same in two steps, for who is the only one that receives: looks at the message at the front, which
// stays there until drop_packet(). So nothing is lost that cannot be taken now, since this process has
// no descriptor for it or no memory. Errors: as above.
pickle::Parcel peek_packet(int fd, std::size_t most, Deadline deadline);
void drop_packet(int fd) noexcept;

}  // namespace coeval::multiprocessing::detail
