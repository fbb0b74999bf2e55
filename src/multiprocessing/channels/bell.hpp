// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Wakes a thread that sleeps in poll(2), whatever the kernel refuses.

#include <coeval/core/atomic.hpp>
#include <coeval/core/file_descriptor.hpp>

#include <poll.h>

#include <cstdint>

namespace coeval::multiprocessing::detail {

// Any thread rings; one, the listener, calls listen(), looks at what there is to do, sleeps, and
// calls hear() if the bell was the reason that it woke. Invariants:
//  1. Who changes something and then rings, and the listener, who listens and then looks, do not miss
//     each other: rung_ is sequentially consistent.
//  2. At most two rings are on their way, so the socket has room for one more.
//  3. A bell is broken once the kernel refuses a ring, or the hearing of it, again and again, as the
//     filter of a sandbox does. It stays so, costs no more system calls, and its listener, who sees
//     it at once, looks around every few milliseconds instead.
class Bell {
 public:
  // The listener is named in the warning that the bell is broken. Errors: std::system_error.
  explicit Bell(const char* listener);
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  void ring() noexcept;

  // ---- only the listener
  void listen() noexcept { rung_.store(0, std::memory_order_seq_cst); }
  // For its poll(); no descriptor once the bell is broken.
  pollfd watched() const noexcept;
  // How long it may sleep that has to sleep until then. A CLOCK_MONOTONIC time.
  std::int64_t latest(std::int64_t deadline_ns) const noexcept;
  void hear() noexcept;
  // Sleeps a few milliseconds, or until the bell rings, where poll() itself may be refused.
  void wait_a_little() const noexcept;

 private:
  void give_up(int error) noexcept;

  const char* const listener_;
  FileDescriptor ringing_;
  FileDescriptor hearing_;
  atomic<std::uint32_t> rung_{0};  // and not heard
  atomic<std::int32_t> refusal_{
      0};                   // an error of a ring that was given up; told by the socket's end
  int failures_ = 0;        // in a row, of the listener
  bool is_broken_ = false;  // of the listener
};

}  // namespace coeval::multiprocessing::detail
