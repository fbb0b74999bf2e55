// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Lock: mutual exclusion between processes.

#include <coeval/core/annotations.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/multiprocessing/detail/lock_handle.hpp>
#include <coeval/multiprocessing/shared_memory.hpp>

#include <concepts>
#include <string>
#include <utility>

namespace coeval::multiprocessing {

// A lock that one thread of one process holds at a time; Python's multiprocessing.Lock, with the
// interface of threading::Lock.
//
//   Lock lock;
//   Process process(deposit, lock, account);     // a copy for the other process
//   {
//     Guard guard(lock);                         // threading::Guard, or std::scoped_lock
//     …
//   }
//
// A handle: copies, pickled ones too, mean the same lock, and a forked child's mean its parent's.
// Thread-safe. Only the thread that acquired it may release it, and it cannot take it twice: for
// ever is RuntimeError, a deadline false at once. Not fair. It costs one descriptor and a page.
//
// When the holder dies, thread or process, by whatever means, the next who wants the lock gets
// OwnerDied, once, and not the lock: what it protects may be half changed. Afterwards the lock is
// as before. acquire_or_repair() mends the data instead. So lock() may throw, and blocking calls
// end with a release, a death or the deadline. Those who wait look again every 50 ms, or sooner: for
// the holder's death, and in case that a wake died with the one it was for.
//
// A process that overwrites the lock's memory makes others wait, fail or hold it at the same time,
// and nothing else: unlock() of a lock that was overwritten while this thread held it does nothing.
class COEVAL_EXPORT COEVAL_CAPABILITY("multiprocessing::Lock") Lock {
 public:
  // Errors: std::system_error if there is no memory or no descriptor.
  Lock();

  // Waits for the lock until the deadline: whether it was taken. A poll does not sleep. Errors:
  // OwnerDied; RuntimeError if this thread holds it and the deadline is never.
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

  // Errors: RuntimeError if this thread has not taken it.
  void unlock() const COEVAL_RELEASE() COEVAL_NO_THREAD_SAFETY_ANALYSIS { memory_.unlock(); }
  void release() const COEVAL_RELEASE() { unlock(); }

  // Whether anyone holds it at this moment.
  bool locked() const { return memory_.locked(); }

  void save(pickle::OutputArchive& archive) const { memory_.save(archive); }
  static Lock load(pickle::InputArchive& archive);

 private:
  friend class Condition;

  explicit Lock(SharedMemory memory) : memory_(std::move(memory)) {}

  detail::LockHandle memory_;
};

// "<Lock locked>" or "<Lock unlocked>".
COEVAL_EXPORT std::string to_string(const Lock& lock);

}  // namespace coeval::multiprocessing
