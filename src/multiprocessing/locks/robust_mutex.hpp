// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// RobustMutex: a lock in memory that several processes share, which tells of a holder's death.

#include "multiprocessing/locks/thread_token.hpp"

#include <coeval/core/atomic.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/multiprocessing/detail/shared_locked.hpp>

#include <sys/types.h>

#include <chrono>
#include <cstdint>

namespace coeval::multiprocessing::detail {

// The deadline for a mutex inside of an object, whose holders do not wait for anything: that of the
// call, and no less than what a holder takes on a machine that is overloaded.
struct Patience {
  Deadline deadline = std::chrono::seconds(0);
};

// A lock for memory that several processes map. Its creator constructs it in place, once; nobody
// destroys it. The owner is a thread.
//
// 1. owner is 0 while nobody holds the mutex; else the token of the thread that does, with a mark if
//    somebody may sleep. It goes from 0 to a token in one step, and from a token to 0 by its thread.
// 2. A thread that ends leaves its token, by which it can be seen to be gone. Whoever sees that puts
//    its own token in its place, in one step: so a death is told once, and it is told again if who
//    was to be told dies as well.
// 3. program is written after owner by each holder and says which token it is about. Of a thread that
//    was killed in between nothing is missing: only one that went on can have called execve(2).
// 4. Who sleeps marks owner before, and who gives back a marked one wakes one sleeper. That one, if
//    it gets the mutex, marks it anew, as others may sleep. In case that a wake died with the one it
//    was for, and to see a holder's death, every sleeper looks again after longest_nap.
// 5. No pointer lies in the memory, and nothing that is read there is used but to compare it and to
//    ask the kernel for the thread of that id. So whatever another process writes here, it causes
//    waits, polls in vain, tales of a death, or holders at the same time; nothing else.
//
// Threads are told apart by their kernel id and their beginning, so all processes live in one PID
// namespace, and see one boot time.
class RobustMutex {
 public:
  RobustMutex() = default;
  RobustMutex(const RobustMutex&) = delete;
  RobustMutex& operator=(const RobustMutex&) = delete;

  // Waits for the mutex. A holder's death is told once, to the next holder. Errors: RuntimeError if
  // this thread holds it already (a poll or a deadline gives timed_out at once).
  Locked lock(Deadline deadline = never) {
    const ThisThread self = this_thread();
    return take(0, self, self.token) ? Locked::yes : wait(self, deadline);
  }
  Locked lock(Patience patience) {
    const ThisThread self = this_thread();
    return take(0, self, self.token) ? Locked::yes : wait(self, patience);
  }

  // Whether this thread held it, and so has given it back.
  bool unlock_if_owned() noexcept {
    const ThreadToken self = this_thread().token;
    std::uint64_t seen = self;
    return owner_.compare_exchange_strong(seen, 0, std::memory_order_release,
                                          std::memory_order_relaxed) ||
           unlock_and_wake(seen, self);
  }

  // The kernel's id of the living thread that holds it, 0 for none. Of this moment; reads a file of
  // /proc unless nobody or this thread does.
  pid_t holder() const noexcept;
  // Whether this thread holds it. Relaxed is enough: only this thread writes its own token.
  bool is_owned() const noexcept {
    return (owner_.load(std::memory_order_relaxed) & ~sleepers) == this_thread().token;
  }
  // Whether a holder died and nobody has been told yet. Reads a file of /proc if there is a holder.
  bool is_abandoned() const noexcept;

 private:
  static constexpr std::uint64_t sleepers = 0x8000'0000;

  // Puts a word in the place of another: whether this thread holds the mutex now.
  bool take(std::uint64_t seen, const ThisThread& self, std::uint64_t word) noexcept {
    if (!owner_.compare_exchange_strong(seen, word, std::memory_order_acquire,
                                        std::memory_order_relaxed)) {
      return false;
    }
    program_.store(self.program, std::memory_order_relaxed);  // invariant 3
    return true;
  }
  Locked wait(const ThisThread& self, Deadline deadline);
  Locked wait(const ThisThread& self, Patience patience);
  void sleep(std::uint64_t owner, Deadline deadline) noexcept;
  bool unlock_and_wake(std::uint64_t seen, ThreadToken self) noexcept;
  bool is_dead(std::uint64_t owner) const noexcept;

  atomic<std::uint64_t> owner_{0};
  atomic<std::uint64_t> program_{0};
};

// Holds a RobustMutex for a scope. For one thread.
class RobustGuard {
 public:
  explicit RobustGuard(RobustMutex& mutex, Deadline deadline = never)
      : mutex_(mutex), locked_(mutex.lock(deadline)) {}
  RobustGuard(RobustMutex& mutex, Patience patience)
      : mutex_(mutex), locked_(mutex.lock(patience)) {}
  ~RobustGuard() { unlock(); }
  RobustGuard(const RobustGuard&) = delete;
  RobustGuard& operator=(const RobustGuard&) = delete;

  Locked locked() const noexcept { return locked_; }
  bool came() const noexcept { return locked_ != Locked::timed_out; }
  // Releases before the end of the scope. A mutex that another process has overwritten meanwhile is
  // left as it is.
  void unlock() noexcept {
    if (came()) {
      locked_ = Locked::timed_out;
      mutex_.unlock_if_owned();
    }
  }

 private:
  RobustMutex& mutex_;
  Locked locked_;
};

// Errors: TimeoutError, always: a process that is stopped, or that means harm, has the mutex of an
// object of that type.
[[noreturn]] void throw_busy(const char* type);

}  // namespace coeval::multiprocessing::detail
