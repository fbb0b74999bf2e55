// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// RLock: a lock that its holder may take again.

#include <coeval/core/annotations.hpp>
#include <coeval/core/atomic.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/threading/detail/ident.hpp>
#include <coeval/threading/lock.hpp>

#include <cstddef>
#include <string>

namespace coeval::threading {

// A recursive lock: the thread that holds it may take it any number of times and releases it as
// often. Python's threading.RLock.
//
//   RLock lock;
//   void withdraw() { Guard guard(lock); log_balance(); }
//   void log_balance() { Guard guard(lock); … }      // the same thread: no deadlock
//
// Thread-safe. Only the thread that holds it may release it. lock() and acquire() block as those
// of Lock do. Lockable, so std::scoped_lock works. (Clang's thread-safety analysis, before version
// 21, knows no recursion: it warns where one function takes the lock twice.)
class COEVAL_EXPORT COEVAL_CAPABILITY("RLock") RLock {
 public:
  RLock() noexcept = default;
  RLock(const RLock&) = delete;
  RLock& operator=(const RLock&) = delete;

  // Waits for the lock, or counts one more.
  void lock() noexcept COEVAL_ACQUIRE();

  // Takes the lock if it is free or held by this thread: whether it did.
  bool try_lock() noexcept COEVAL_TRY_ACQUIRE(true);

  // Waits until the deadline, or for ever: whether the lock was taken.
  bool acquire(Deadline deadline) noexcept COEVAL_TRY_ACQUIRE(true);
  bool acquire() noexcept COEVAL_ACQUIRE() {
    lock();
    return true;
  }
  bool try_lock_for(Deadline timeout) noexcept COEVAL_TRY_ACQUIRE(true) { return acquire(timeout); }
  bool try_lock_until(Deadline when) noexcept COEVAL_TRY_ACQUIRE(true) { return acquire(when); }

  // Counts one less; at none the lock is free. Errors: RuntimeError if this thread does not hold
  // it.
  void unlock() COEVAL_RELEASE();
  void release() COEVAL_RELEASE() { unlock(); }

  // Whether any thread holds it at this moment.
  bool locked() const noexcept { return lock_.locked(); }
  // Whether this thread holds it.
  bool is_owned() const noexcept;
  // How many times this thread holds it; 0 if it does not.
  std::size_t recursion_count() const noexcept;

  friend COEVAL_EXPORT std::string to_string(const RLock& lock);

 private:
  friend class Condition;

  // Condition::wait releases all levels at once and takes them back. Errors: RuntimeError if this
  // thread does not hold the lock.
  std::size_t release_all();
  void restore(std::size_t count) noexcept;

  // 1. owner_ is a thread's ident only while that thread holds lock_, and only that thread writes
  //    it. So a thread that reads its own ident holds the lock, whatever the memory order.
  // 2. count_ is touched by the owner only.
  atomic<detail::Ident> owner_{0};
  std::size_t count_ = 0;
  Lock lock_;
};

// "<RLock locked owner=7 count=2>" or "<RLock unlocked>".
COEVAL_EXPORT std::string to_string(const RLock& lock);

}  // namespace coeval::threading
