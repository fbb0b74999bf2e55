// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Semaphore and BoundedSemaphore: at most so many at a time.

#include <coeval/core/annotations.hpp>
#include <coeval/core/atomic.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace coeval::threading {

// A counter that acquire() decrements, waiting while it is 0, and release() increments. Python's
// threading.Semaphore, with the names of std::counting_semaphore and of a lock besides.
//
//   Semaphore connections(10);
//   Guard guard(connections);       // or acquire(2s) … release()
//
// Thread-safe; any thread may release. Not fair. acquire() blocks; a release or the deadline ends
// it. What happened before a release is visible after the acquire that it allows.
class COEVAL_EXPORT COEVAL_CAPABILITY("Semaphore") Semaphore {
 public:
  // The largest value.
  static constexpr std::ptrdiff_t max() noexcept { return INT32_MAX; }

  // Errors: ValueError if initial is not in 0 … max().
  explicit Semaphore(std::ptrdiff_t initial = 1);
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  // Takes one, waiting until the deadline: whether it did. A poll makes no system call.
  bool acquire(Deadline deadline = never) noexcept;
  bool try_acquire() noexcept;
  bool try_acquire_for(Deadline timeout) noexcept { return acquire(timeout); }
  bool try_acquire_until(Deadline when) noexcept { return acquire(when); }

  // Gives n back and wakes as many waiters. Makes no system call when nobody waits.
  // Errors: ValueError, and nothing is given back, if n < 1 or the value would exceed its bound.
  void release(std::ptrdiff_t n = 1);

  // The same for Guard and std::scoped_lock.
  void lock() noexcept COEVAL_ACQUIRE() { acquire(); }
  bool try_lock() noexcept COEVAL_TRY_ACQUIRE(true) { return try_acquire(); }
  void unlock() COEVAL_RELEASE() { release(); }

  // The value at this moment.
  std::ptrdiff_t value() const noexcept;

  friend COEVAL_EXPORT std::string to_string(const Semaphore& semaphore);

 protected:
  Semaphore(std::ptrdiff_t initial, std::ptrdiff_t bound);

 private:
  // 1. The low half of the word is the value, the high half the number of threads that are in
  //    acquire() beyond its fast path.
  // 2. A thread sleeps only while the low half is 0 and it is counted in the high half. A release
  //    sees both halves in one step, so either it sees the waiter or the waiter sees the value.
  // 3. Who is woken and finds 0 again (another was faster) sleeps again: no value is lost, since
  //    whoever was faster has it.
  static constexpr std::uint64_t one_waiter = std::uint64_t{1} << 32;
  static std::uint32_t value_of(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word);
  }

  atomic<std::uint64_t> word_;
  const std::uint32_t bound_;
};

// A semaphore that cannot exceed its initial value: a release too many raises ValueError. For
// guarding a resource of fixed size, where that is a bug.
class COEVAL_EXPORT BoundedSemaphore : public Semaphore {
 public:
  explicit BoundedSemaphore(std::ptrdiff_t initial = 1) : Semaphore(initial, initial) {}
};

// "<Semaphore value=3>" or "<BoundedSemaphore value=3/3>".
COEVAL_EXPORT std::string to_string(const Semaphore& semaphore);

}  // namespace coeval::threading
