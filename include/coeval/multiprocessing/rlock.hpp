// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// RLock: a lock between processes that its holder may take again.

#include <coeval/core/annotations.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/multiprocessing/detail/lock_handle.hpp>
#include <coeval/multiprocessing/shared_memory.hpp>

#include <concepts>
#include <cstddef>
#include <string>
#include <utility>

namespace coeval::multiprocessing {
namespace detail {
class LockedMemory;
}

// A recursive lock: the thread that holds it may take it any number of times, and releases it as
// often. Python's multiprocessing.RLock, with the interface of threading::RLock.
//
//   RLock lock;
//   void withdraw() { Guard guard(lock); log_balance(); }
//   void log_balance() { Guard guard(lock); … }      // the same thread: no deadlock
//
// A handle, thread-safe, with the rules of Lock: only its holder releases it, and a holder's death
// is OwnerDied for the next, once. A forked child does not hold what its parent holds.
class COEVAL_EXPORT COEVAL_CAPABILITY("multiprocessing::RLock") RLock {
 public:
  // Errors: std::system_error if there is no memory or no descriptor.
  RLock();

  // Waits for the lock until the deadline, or counts one more: whether it was taken. A poll does
  // not sleep. Errors: OwnerDied.
  bool acquire(Deadline deadline) const COEVAL_TRY_ACQUIRE(true) COEVAL_NO_THREAD_SAFETY_ANALYSIS {
    return memory_.acquire(deadline);
  }
  bool acquire() const COEVAL_ACQUIRE() {
    lock();
    return true;
  }
  void lock() const COEVAL_ACQUIRE() { static_cast<void>(acquire(never)); }
  bool try_lock() const COEVAL_TRY_ACQUIRE(true) { return acquire(std::chrono::seconds(0)); }
  bool try_lock_for(Deadline timeout) const COEVAL_TRY_ACQUIRE(true) { return acquire(timeout); }
  bool try_lock_until(Deadline when) const COEVAL_TRY_ACQUIRE(true) { return acquire(when); }

  // acquire() for data that can be mended: when the holder died, calls repair() with the lock held
  // and then returns true. When repair() raises, or its process dies, the lock is free and the next
  // one is told of the death.
  template <std::invocable F>
  bool acquire_or_repair(F&& repair) const COEVAL_ACQUIRE() COEVAL_NO_THREAD_SAFETY_ANALYSIS {
    return memory_.acquire_or_repair(std::forward<F>(repair), never);
  }
  // The same until the deadline: whether it was taken.
  template <std::invocable F>
  bool acquire_or_repair(F&& repair, Deadline deadline) const
      COEVAL_TRY_ACQUIRE(true) COEVAL_NO_THREAD_SAFETY_ANALYSIS {
    return memory_.acquire_or_repair(std::forward<F>(repair), deadline);
  }

  // Counts one less; at none the lock is free. Errors: RuntimeError if this thread does not hold
  // it.
  void unlock() const COEVAL_RELEASE() COEVAL_NO_THREAD_SAFETY_ANALYSIS { memory_.unlock(); }
  void release() const COEVAL_RELEASE() { unlock(); }

  // Whether anyone holds it at this moment.
  bool locked() const { return memory_.locked(); }
  // Whether this thread holds it.
  bool is_owned() const { return recursion_count() > 0; }
  // How many times this thread holds it; 0 if it does not.
  std::size_t recursion_count() const { return memory_.recursion_count(); }

  void save(pickle::OutputArchive& archive) const { memory_.save(archive); }
  static RLock load(pickle::InputArchive& archive);

 private:
  friend class Condition;
  friend class detail::LockedMemory;
  friend COEVAL_EXPORT std::string to_string(const RLock& lock);

  explicit RLock(SharedMemory memory) : memory_(std::move(memory)) {}

  detail::LockHandle memory_;
};

// "<RLock locked owner=4711 count=2>" or "<RLock unlocked>"; the owner is a process, the count is
// there for its own thread.
COEVAL_EXPORT std::string to_string(const RLock& lock);

}  // namespace coeval::multiprocessing
