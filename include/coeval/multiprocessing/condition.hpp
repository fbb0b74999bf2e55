// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Condition: waiting in one process for another to change something that a lock protects.

#include <coeval/core/annotations.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>
#include <coeval/multiprocessing/lock.hpp>
#include <coeval/multiprocessing/rlock.hpp>
#include <coeval/multiprocessing/shared_memory.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <string>
#include <type_traits>
#include <variant>

namespace coeval::multiprocessing {

namespace detail {
class LockMemory;
}

// A condition variable together with its lock; Python's multiprocessing.Condition, with the
// interface of threading::Condition. It has an RLock of its own, or a Lock or RLock that is shared.
//
//   Condition filled;                                          Guard guard(filled);
//   Guard guard(filled);                                       items.update(…);
//   filled.wait_for([&] { return items.get() > 0; }, 2s);      filled.notify();
//
// A handle: copies, pickled ones too, mean the same condition and the same lock. Thread-safe. It is
// Lockable: locking it locks its lock. wait() blocks; a notify, a death or the deadline ends it.
// Exact: waiters are woken in the order in which they began to wait, each notify wakes one that
// already waited and whose process is alive, none wakes without a notify, and none that was
// notified reports a timeout. At most 1,024 threads wait at a time.
//
// When a process dies with the lock, one of those who wait, or the next who takes the lock, gets
// OwnerDied. From wait() it comes with the lock held, like everything that wait() raises, so that a
// Guard may release it; within 50 ms. A waiter that is killed is nothing to the others: if it had
// been notified and not gone on, another one is woken in its place, within 50 ms, too.
class COEVAL_EXPORT COEVAL_CAPABILITY("multiprocessing::Condition") Condition {
 public:
  // Errors: std::system_error if there is no memory or no descriptor.
  Condition() : Condition(RLock()) {}
  explicit Condition(Lock lock);
  explicit Condition(RLock lock);

  // The lock's own operations, with its errors.
  bool acquire(Deadline deadline) const COEVAL_TRY_ACQUIRE(true);
  bool acquire() const COEVAL_ACQUIRE() {
    lock();
    return true;
  }
  void lock() const COEVAL_ACQUIRE() { static_cast<void>(acquire(never)); }
  bool try_lock() const COEVAL_TRY_ACQUIRE(true) { return acquire(std::chrono::seconds(0)); }
  bool try_lock_for(Deadline timeout) const COEVAL_TRY_ACQUIRE(true) { return acquire(timeout); }
  bool try_lock_until(Deadline when) const COEVAL_TRY_ACQUIRE(true) { return acquire(when); }
  void unlock() const COEVAL_RELEASE();
  void release() const COEVAL_RELEASE() { unlock(); }

  // Releases the lock (all levels of an RLock), sleeps until notified or until the deadline, and
  // takes the lock again, for which it waits as long as it takes. False if the deadline passed
  // first. Errors: RuntimeError if this thread does not hold the lock, or too many wait; OwnerDied,
  // with the lock held.
  bool wait(Deadline deadline = never) const;

  // Waits until predicate() is true or the deadline passes, and returns its last value. The
  // predicate is called with the lock held; what it raises goes to the caller, lock held.
  template <std::invocable P>
    requires std::constructible_from<bool, std::invoke_result_t<P&>>
  auto wait_for(P predicate, Deadline deadline = never) const
      -> std::decay_t<std::invoke_result_t<P&>> {
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
  // Errors: RuntimeError if this thread does not hold the lock.
  void notify(std::ptrdiff_t n = 1) const;
  void notify_all() const;

  void save(pickle::OutputArchive& archive) const;
  static Condition load(pickle::InputArchive& archive);

  friend COEVAL_EXPORT std::string to_string(const Condition& condition);

 private:
  using AnyLock = std::variant<Lock, RLock>;

  Condition(AnyLock lock, SharedMemory memory) noexcept;
  const detail::LockMemory& lock_memory() const;
  void require_held(const char* call) const;

  AnyLock lock_;
  SharedMemory memory_;
};

// "<Condition(<Lock locked>, 2 waiting)>". Exact only when called with the lock held.
COEVAL_EXPORT std::string to_string(const Condition& condition);

}  // namespace coeval::multiprocessing
