// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// RobustMutex: a lock in memory that several processes share, which tells of a holder's death.

#include <coeval/core/deadline.hpp>
#include <coeval/multiprocessing/detail/shared_locked.hpp>

#include <pthread.h>
#include <sys/types.h>

#include <cstdint>

namespace coeval::multiprocessing::detail {

// A process-shared robust mutex of glibc (pthread_mutexattr_setrobust(3)), for memory that several
// processes map. Its creator constructs it in place, once; nobody destroys it. The owner is a
// thread. When it dies, by exit, exec or a signal, the kernel marks the mutex and wakes a waiter.
//
// The kernel looks after the first 2,048 robust mutexes that a thread holds. Threads are told apart
// by their kernel id, so all processes live in one PID namespace.
class RobustMutex {
 public:
  // Errors: std::system_error.
  RobustMutex();
  RobustMutex(const RobustMutex&) = delete;
  RobustMutex& operator=(const RobustMutex&) = delete;

  // Waits for the mutex; a poll makes no system call. A holder's death is told once, to the next
  // holder. Errors: RuntimeError if this thread holds it already (a poll or a deadline gives
  // timed_out at once); std::system_error if the memory does not hold a usable mutex.
  Locked lock(Deadline deadline = never);

  // Errors: RuntimeError if this thread does not hold it.
  void unlock();
  // Whether this thread held it, and so has given it back.
  bool unlock_if_owned();

  // The kernel's id of the thread that holds it, 0 for none. Of this moment.
  pid_t holder() const noexcept;
  // Whether this thread holds it.
  bool is_owned() const noexcept;
  // Whether a holder died and nobody has been told yet.
  bool is_abandoned() const noexcept;

 private:
  Locked wait(int error, Deadline deadline);
  std::uint32_t word() const noexcept;

  pthread_mutex_t mutex_;
};

// Holds a RobustMutex for a scope. For one thread.
class RobustGuard {
 public:
  explicit RobustGuard(RobustMutex& mutex, Deadline deadline = never)
      : mutex_(mutex), locked_(mutex.lock(deadline)) {}
  ~RobustGuard() { unlock(); }
  RobustGuard(const RobustGuard&) = delete;
  RobustGuard& operator=(const RobustGuard&) = delete;

  Locked locked() const noexcept { return locked_; }
  // Releases before the end of the scope.
  void unlock() {
    if (locked_ != Locked::timed_out) {
      locked_ = Locked::timed_out;
      mutex_.unlock();
    }
  }

 private:
  RobustMutex& mutex_;
  Locked locked_;
};

}  // namespace coeval::multiprocessing::detail
