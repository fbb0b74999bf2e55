// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The close of descriptors that came from another process, on threads that nobody waits for. The last
// close of a socket takes as long as its sender has said (SO_LINGER), that of a file of some file
// systems for ever; and a socket's own close ends what lies unread in it.

#include <coeval/core/file_descriptor.hpp>

#include <cstdint>
#include <vector>

namespace coeval::multiprocessing::detail {

// at_once: a socket does not linger; as_it_is: others use it still, so its options stay.
enum class Closing : std::uint8_t { at_once, as_it_is };

// Takes no time. Where there is no memory, or no thread, for it, the caller closes.
void close_elsewhere(FileDescriptor descriptor, Closing how) noexcept;
void close_elsewhere(std::vector<FileDescriptor> descriptors, Closing how) noexcept;

// Closes this process's end of packet_sockets(), and what lies unread in it. At once if the other end
// is closed and has sent nothing more.
void close_packet_socket(FileDescriptor socket) noexcept;

}  // namespace coeval::multiprocessing::detail
