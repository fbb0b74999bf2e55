// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Condition: waiting for something that is protected by a lock to change.

#include <coeval/core/annotations.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/threading/lock.hpp>
#include <coeval/threading/rlock.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <string>
#include <type_traits>

namespace coeval::threading {

// Something that tells when a wait is over: called without arguments, its value is true or false.
template <class P>
concept Predicate = std::invocable<P&> && std::constructible_from<bool, std::invoke_result_t<P&>>;

// A condition variable together with its lock; Python's threading.Condition. It owns an RLock, or
// refers to a Lock or RLock that several conditions share.
//
//   Condition filled;                                          Guard guard(filled);
//   Guard guard(filled);                                       items.push_back(item);
//   filled.wait_for([&] { return !items.empty(); }, 2s);       filled.notify();
//
// Thread-safe. It is Lockable: locking it locks its lock. wait() and wait_for() block; a notify or
// the deadline ends them. Exact: waiters are woken in the order in which they began to wait, each
// notify wakes one that already waited, none wakes without a notify, and none that was notified
// reports a timeout. It must outlive its waiters, and its lock must outlive it.
class COEVAL_EXPORT COEVAL_CAPABILITY("Condition") Condition {
 public:
  Condition() noexcept : rlock_(&own_) {}
  explicit Condition(Lock& lock) noexcept : lock_(&lock) {}
  explicit Condition(RLock& lock) noexcept : rlock_(&lock) {}
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;

  // The lock's own operations.
  void lock() noexcept COEVAL_ACQUIRE();
  bool try_lock() noexcept COEVAL_TRY_ACQUIRE(true);
  bool acquire(Deadline deadline) noexcept COEVAL_TRY_ACQUIRE(true);
  bool acquire() noexcept COEVAL_ACQUIRE() {
    lock();
    return true;
  }
  bool try_lock_for(Deadline timeout) noexcept COEVAL_TRY_ACQUIRE(true) { return acquire(timeout); }
  bool try_lock_until(Deadline when) noexcept COEVAL_TRY_ACQUIRE(true) { return acquire(when); }
  void unlock() COEVAL_RELEASE();
  void release() COEVAL_RELEASE() { unlock(); }

  // Releases the lock (all levels of an RLock), sleeps until notified or until the deadline, and
  // takes the lock again, for which it waits as long as it takes. False if the deadline passed
  // first. Errors: RuntimeError if the lock is not held (of a Lock, which knows no owner: by
  // anyone).
  bool wait(Deadline deadline = never);

  // Waits until predicate() is true or the deadline passes, and returns its last value. The
  // predicate is called with the lock held; what it raises goes to the caller, lock held.
  template <Predicate P>
  auto wait_for(P predicate, Deadline deadline = never) -> std::decay_t<std::invoke_result_t<P&>> {
    while (true) {
      auto value = std::invoke(predicate);
      if (static_cast<bool>(value)) {
        return value;
      }
      if (!wait(deadline)) {
        return std::invoke(predicate);
      }
    }
  }

  // Wakes up to n waiters (none for n < 1). They go on when the caller has released the lock.
  // Errors: RuntimeError if the lock is not held.
  void notify(std::ptrdiff_t n = 1);
  void notify_all();

  friend COEVAL_EXPORT std::string to_string(const Condition& condition);

 private:
  struct Waiter;

  void require_held(const char* call) const;

  RLock own_;
  Lock* lock_ = nullptr;  // exactly one of the two is set
  RLock* rlock_ = nullptr;
  // The waiters in order of arrival; touched only with the lock held.
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
  std::size_t waiting_ = 0;
};

// "<Condition(<Lock locked>, 2 waiting)>". Exact only when called with the lock held.
COEVAL_EXPORT std::string to_string(const Condition& condition);

}  // namespace coeval::threading
