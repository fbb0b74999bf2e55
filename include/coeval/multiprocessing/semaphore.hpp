// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Semaphore and BoundedSemaphore: at most so many at a time, in all processes together.

#include <coeval/core/annotations.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/multiprocessing/shared_memory.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace coeval::multiprocessing {

// A counter that acquire() decrements, waiting while it is 0, and release() increments. Python's
// multiprocessing.Semaphore, with the interface of threading::Semaphore.
//
//   Semaphore connections(10);
//   Process process(fetch, connections);
//   Guard guard(connections);                  // or acquire(2s) … release()
//
// A handle: copies, pickled ones too, mean the same semaphore. Thread-safe; any thread of any
// process may release. Not fair. acquire() blocks; a release, a death or the deadline ends it.
// What happened before a release is visible after the acquire that it allows.
//
// The permits of the beginning have holders: the process that acquired one holds it until it
// releases, or until somebody else does when no permit of his own is left. When a holder's process
// ends without releasing, one who waits finds out every 50 ms: the permit is free again, and that
// waiter gets OwnerDied and no permit, once. A release beyond the initial value is a signal, which
// nobody holds: a Semaphore(0) counts signals, and a death takes nothing back from it.
class COEVAL_EXPORT COEVAL_CAPABILITY("multiprocessing::Semaphore") Semaphore {
 public:
  // The largest initial value, and the largest number of signals.
  static constexpr std::ptrdiff_t max() noexcept { return 4096; }
  static constexpr std::ptrdiff_t max_signals() noexcept { return INT32_MAX; }

  // Errors: ValueError if initial is not in 0 … max(); std::system_error.
  explicit Semaphore(std::ptrdiff_t initial = 1);

  // Takes one, waiting until the deadline: whether it did. A poll makes no system call. Errors:
  // OwnerDied, not from a poll.
  bool acquire(Deadline deadline = never) const;
  bool try_acquire() const { return acquire(std::chrono::seconds(0)); }
  bool try_acquire_for(Deadline timeout) const { return acquire(timeout); }
  bool try_acquire_until(Deadline when) const { return acquire(when); }

  // Gives n back and wakes waiters. Makes no system call when nobody waits. Errors: ValueError, and
  // nothing is given back, if n < 1 or the value would exceed its bound.
  void release(std::ptrdiff_t n = 1) const;

  // The same for Guard and std::scoped_lock.
  void lock() const COEVAL_ACQUIRE() { static_cast<void>(acquire()); }
  bool try_lock() const COEVAL_TRY_ACQUIRE(true) { return try_acquire(); }
  void unlock() const COEVAL_RELEASE() { release(); }

  // The value at this moment.
  std::ptrdiff_t value() const;

  void save(pickle::OutputArchive& archive) const;
  static Semaphore load(pickle::InputArchive& archive);

  friend COEVAL_EXPORT std::string to_string(const Semaphore& semaphore);

 protected:
  Semaphore(std::ptrdiff_t initial, bool bounded);
  Semaphore(SharedMemory memory, std::size_t permits, bool bounded) noexcept;
  static Semaphore load(pickle::InputArchive& archive, bool bounded);

 private:
  SharedMemory memory_;
  std::size_t permits_;  // of the beginning
  bool bounded_;
};

// A semaphore that cannot exceed its initial value: a release too many raises ValueError. For
// guarding a resource of fixed size, where that is a bug.
class COEVAL_EXPORT BoundedSemaphore : public Semaphore {
 public:
  explicit BoundedSemaphore(std::ptrdiff_t initial = 1) : Semaphore(initial, true) {}

  static BoundedSemaphore load(pickle::InputArchive& archive) {
    return BoundedSemaphore(Semaphore::load(archive, true));
  }

 private:
  explicit BoundedSemaphore(const Semaphore& semaphore) : Semaphore(semaphore) {}
};

// "<Semaphore value=3>" or "<BoundedSemaphore value=3/3>".
COEVAL_EXPORT std::string to_string(const Semaphore& semaphore);

}  // namespace coeval::multiprocessing
