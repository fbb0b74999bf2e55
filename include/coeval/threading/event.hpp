// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Event: a flag that threads can wait for.

#include <coeval/core/atomic.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>

#include <cstdint>
#include <string>

namespace coeval::threading {

// A flag: clear at first; set() wakes everybody who waits. Python's threading.Event.
//
//   Event ready;
//   ready.set();               // one thread
//   ready.wait(2s);            // others: true when set, false at the deadline
//
// Thread-safe, four bytes, constant-initialised. wait() blocks; set() or the deadline ends it.
// What happened before set() is visible after the wait() that it ends. It may be destroyed as soon
// as wait() has returned, even if set() has not yet.
class COEVAL_EXPORT Event {
 public:
  Event() noexcept = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  bool is_set() const noexcept { return (word_.load(std::memory_order_acquire) & set_bit) != 0; }

  // Sets the flag and wakes all waiters. Makes no system call when nobody waits.
  void set() noexcept;

  // Clears the flag. Waiters that a set() has released stay released.
  void clear() noexcept;

  // Waits until the flag is set: true; false if the deadline passes first. Also true if it was set
  // during the wait and cleared again.
  bool wait(Deadline deadline = never) noexcept;

 private:
  // 1. Bit 0 is the flag. Bit 1 says that someone may sleep on the word. The rest counts how often
  //    the flag went from clear to set, modulo 2^30.
  // 2. A waiter sleeps only on a word with bit 1 set and bit 0 clear; who sets the flag clears
  //    bit 1 in the same step and, if it was set, wakes all.
  // 3. A waiter that sees the flag, or another count than when it began, was released.
  static constexpr std::uint32_t set_bit = 1;
  static constexpr std::uint32_t sleepers_bit = 2;
  static constexpr std::uint32_t one_set = 4;

  atomic<std::uint32_t> word_{0};
};

// "<Event set>" or "<Event unset>".
COEVAL_EXPORT std::string to_string(const Event& event);

}  // namespace coeval::threading
