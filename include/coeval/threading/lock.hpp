// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Lock: mutual exclusion in four bytes. Guard: holds any lock for a scope.

#include <coeval/core/annotations.hpp>
#include <coeval/core/atomic.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/core/export.hpp>

#include <cstdint>
#include <string>

namespace coeval::threading {

// A lock that one thread holds at a time; Python's threading.Lock and std::timed_mutex in one.
//
//   Lock lock;
//   {
//     Guard guard(lock);            // or std::scoped_lock, std::unique_lock
//     ++count;
//   }
//   if (lock.acquire(100ms)) { …; lock.release(); }
//
// Thread-safe. Any thread may release it, not only the one that acquired it. Not recursive: a
// thread that acquires it twice waits for itself (RLock does not). Not fair: a running thread may
// overtake a sleeping one. lock() and acquire() block; nothing but a release or the deadline ends
// the wait. Constant-initialised, so it may be global. Its destructor does nothing, and destroying
// it is allowed as soon as the last holder's release has let the destroying thread in.
class COEVAL_EXPORT COEVAL_CAPABILITY("Lock") Lock {
 public:
  Lock() noexcept = default;
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  // Waits for the lock.
  void lock() noexcept COEVAL_ACQUIRE() {
    if (!try_lock()) [[unlikely]] {
      lock_slow(never);
    }
  }

  // Takes the lock if it is free: whether it did.
  bool try_lock() noexcept COEVAL_TRY_ACQUIRE(true) {
    std::uint32_t expected = free;
    // Invariant 1; acquire pairs with the exchange in unlock().
    return state_.compare_exchange_strong(expected, held, std::memory_order_acquire,
                                          std::memory_order_relaxed);
  }

  // Waits for the lock until the deadline: whether it was taken. A poll makes no system call.
  bool acquire(Deadline deadline) noexcept COEVAL_TRY_ACQUIRE(true) {
    return try_lock() || lock_slow(deadline);
  }
  // Waits for ever, hence true. (Of its own so that clang's analysis knows that it cannot fail.)
  bool acquire() noexcept COEVAL_ACQUIRE() {
    lock();
    return true;
  }
  bool try_lock_for(Deadline timeout) noexcept COEVAL_TRY_ACQUIRE(true) { return acquire(timeout); }
  bool try_lock_until(Deadline when) noexcept COEVAL_TRY_ACQUIRE(true) { return acquire(when); }

  // Frees the lock and wakes one thread that sleeps for it.
  // Errors: RuntimeError if the lock is free.
  void unlock() COEVAL_RELEASE() {
    // Invariants 1 and 2; release pairs with every acquire above and in lock_slow().
    const std::uint32_t before = state_.exchange(free, std::memory_order_release);
    if (before != held) [[unlikely]] {
      unlock_slow(before);
    }
  }
  void release() COEVAL_RELEASE() { unlock(); }

  // Whether anyone holds it at this moment: for logs and tests, not for decisions.
  bool locked() const noexcept { return state_.load(std::memory_order_relaxed) != free; }

 private:
  // The states, and what always holds:
  // 1. Who changes the word from free to anything else holds the lock.
  // 2. A thread sleeps only while the word is contended, and who frees a contended lock wakes one
  //    sleeper. A thread that has ever slept takes the lock as contended, since others may sleep.
  static constexpr std::uint32_t free = 0;
  static constexpr std::uint32_t held = 1;
  static constexpr std::uint32_t contended = 2;

  bool lock_slow(Deadline deadline) noexcept;
  void unlock_slow(std::uint32_t before);

  atomic<std::uint32_t> state_{free};
};

// "<Lock locked>" or "<Lock unlocked>".
COEVAL_EXPORT std::string to_string(const Lock& lock);

// Holds a lock from construction to the end of the scope. As std::unique_lock, but clang's
// thread-safety analysis understands it. L has lock() and unlock(): Lock, RLock, Condition,
// Semaphore, std::mutex. For one thread.
template <class L>
class [[nodiscard]] COEVAL_SCOPED_CAPABILITY Guard {
 public:
  explicit Guard(L& lock) COEVAL_ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
  ~Guard() COEVAL_RELEASE() {
    if (held_) {
      lock_.unlock();
    }
  }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  // Releases before the end of the scope, and takes the lock again.
  void unlock() COEVAL_RELEASE() {
    held_ = false;
    lock_.unlock();
  }
  void lock() COEVAL_ACQUIRE() {
    lock_.lock();
    held_ = true;
  }

 private:
  L& lock_;
  bool held_ = true;
};

}  // namespace coeval::threading
