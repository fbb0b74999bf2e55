// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// WorkerPackets: what a worker sends its pool beside its outbox, the descriptors of results and the
// files of large ones.
//
// Invariants:
//  1. A packet leaves the socket when it was taken. One for which this process has no descriptor or no
//     memory stays there, and comes later: only who needs it now fails, with that error.
//  2. At most so many descriptors are held as make a few results; the packets of later results stay in
//     the socket meanwhile. What a result does not take of its own is let go when it is collected.
//  3. No close here is the last one of a file that the worker has sent, which may take for ever: see
//     closer.hpp.

#include "executors/processes/exchange/buffers.hpp"

#include <coeval/core/atomic.hpp>
#include <coeval/core/file_descriptor.hpp>
#include <coeval/pickle/parcel.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <span>
#include <vector>

namespace coeval::detail {

// Of the collector, but for has_untaken().
class WorkerPackets {
 public:
  WorkerPackets(const FileDescriptor& socket, std::size_t max_result_size) noexcept;
  WorkerPackets(const WorkerPackets&) = delete;
  WorkerPackets& operator=(const WorkerPackets&) = delete;
  ~WorkerPackets();

  // Takes what is there; the results below that position are collected.
  enum class News : std::uint8_t {
    none,
    closed,
    nonsense,
    refused,  // the kernel gives nothing out, again and again, and nothing is asked for any more
  };
  News receive(std::uint32_t collected) noexcept;
  // Whether something lies in the socket that could not be taken: it is looked at a little later.
  bool has_untaken() const noexcept { return has_untaken_.load(std::memory_order_relaxed); }

  // Has what came with the result at a position here, a buffer (0: none) or descriptors. Errors:
  // PickleError if it did not come; std::system_error, std::bad_alloc if there is no room for it now.
  void fetch(std::uint32_t position, std::uint32_t buffer, std::uint32_t descriptors);
  // Errors: PickleError.
  std::span<const std::byte> bytes(std::uint32_t buffer, std::uint64_t size) const {
    return buffers_.bytes(buffer, size);
  }
  // The descriptors of a result, and its sockets once more: for who keeps those until the result is in
  // the hands of who wants it, or dropped. Errors: PickleError; std::system_error.
  struct Descriptors {
    std::vector<FileDescriptor> all;
    std::vector<FileDescriptor> sockets;
  };
  Descriptors take_descriptors(std::uint32_t position, std::uint32_t count);
  // The result at that position was collected.
  void let_go(std::uint32_t position) noexcept;

 private:
  void take(pickle::Parcel& packet, std::uint32_t collected);
  // Whether a packet that could not be taken will never be.
  bool is_refused_for_ever() noexcept;

  const FileDescriptor& socket_;
  ReceivedBuffers buffers_;
  std::map<std::uint32_t, std::vector<FileDescriptor>> descriptors_;
  std::size_t held_ = 0;        // in those
  std::exception_ptr untaken_;  // why a packet was left in the socket; null: none was
  int refusals_ = 0;            // in a row, for no want of room
  // Relaxed: who reads it looks again.
  atomic<bool> has_untaken_{false};
};

}  // namespace coeval::detail
