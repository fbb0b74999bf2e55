// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "robust_mutex.hpp"

#include "process_token.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/system.hpp>

#include <linux/futex.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <memory>
#include <system_error>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define COEVAL_THREAD_SANITIZER 1
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>
#endif
#endif

namespace coeval::multiprocessing::detail {
namespace {

// A sleeper looks again this often. A waiter that is killed after it was woken and before it took
// the mutex can leave the others asleep: in between somebody else may have taken the mutex without
// noting that there are waiters, and then wakes nobody. The next look notes it again.
constexpr auto longest_sleep = std::chrono::milliseconds(50);

[[noreturn]] void fail(int error, const char* call) {
  throw std::system_error(error, std::generic_category(), call);
}

struct MutexCalls {
  decltype(&pthread_mutex_init) init;
  decltype(&pthread_mutex_trylock) trylock;
  decltype(&pthread_mutex_clocklock) clocklock;
  decltype(&pthread_mutex_consistent) consistent;
  decltype(&pthread_mutex_unlock) unlock;
};

// ThreadSanitizer sees one process, and a mutex that others lock, unlock and die with makes no sense
// to its model of one. So the C library is called behind its back, and it is told what that orders.
#if defined(COEVAL_THREAD_SANITIZER)
template <class F>
F c_library(F, const char* name) noexcept {
  return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}
const MutexCalls& calls() noexcept {
  static const MutexCalls calls{
      .init = c_library(&pthread_mutex_init, "pthread_mutex_init"),
      .trylock = c_library(&pthread_mutex_trylock, "pthread_mutex_trylock"),
      .clocklock = c_library(&pthread_mutex_clocklock, "pthread_mutex_clocklock"),
      .consistent = c_library(&pthread_mutex_consistent, "pthread_mutex_consistent"),
      .unlock = c_library(&pthread_mutex_unlock, "pthread_mutex_unlock")};
  return calls;
}
#else
constexpr MutexCalls calls() noexcept {
  return {.init = &pthread_mutex_init,
          .trylock = &pthread_mutex_trylock,
          .clocklock = &pthread_mutex_clocklock,
          .consistent = &pthread_mutex_consistent,
          .unlock = &pthread_mutex_unlock};
}
#endif

void note_lock([[maybe_unused]] pthread_mutex_t& mutex) noexcept {
#if defined(COEVAL_THREAD_SANITIZER)
  __tsan_acquire(&mutex);
#endif
}

void note_unlock([[maybe_unused]] pthread_mutex_t& mutex) noexcept {
#if defined(COEVAL_THREAD_SANITIZER)
  __tsan_release(&mutex);
#endif
}

timespec in_timespec(std::int64_t nanoseconds) noexcept {
  constexpr std::int64_t per_second = 1'000'000'000;
  return {.tv_sec = nanoseconds / per_second, .tv_nsec = nanoseconds % per_second};
}

}  // namespace

RobustMutex::RobustMutex() : mutex_{} {
  pthread_mutexattr_t attributes;
  if (const int error = pthread_mutexattr_init(&attributes); error != 0) {
    fail(error, "pthread_mutexattr_init");
  }
  const auto destroy = [](pthread_mutexattr_t* which) { pthread_mutexattr_destroy(which); };
  const std::unique_ptr<pthread_mutexattr_t, decltype(destroy)> scope(&attributes, destroy);
  int error = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  if (error == 0) {
    error = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  }
  if (error == 0) {
    error = pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
  }
  if (error == 0) {
    error = calls().init(&mutex_, &attributes);
  }
  if (error != 0) {
    fail(error, "coeval::multiprocessing: making a robust mutex");
  }
}

Locked RobustMutex::lock(Deadline deadline) {
  const int error = calls().trylock(&mutex_);
  if (error != 0) [[unlikely]] {
    return wait(error, deadline);
  }
  note_lock(mutex_);
  return Locked::yes;
}

// Goes on after a first attempt that gave an error.
Locked RobustMutex::wait(int error, Deadline deadline) {
  while (error == EBUSY && !deadline.expired()) {
    const std::int64_t look_again =
        std::min(deadline.nanoseconds(), Deadline(longest_sleep).nanoseconds());
    const timespec until = in_timespec(look_again);
    error = calls().clocklock(&mutex_, CLOCK_MONOTONIC, &until);
    error = error == ETIMEDOUT ? EBUSY : error;
  }
  if (error == EOWNERDEAD) {
    calls().consistent(&mutex_);
  }
  switch (error) {
    case 0:
      note_lock(mutex_);
      return Locked::yes;
    case EOWNERDEAD:
      note_lock(mutex_);
      return Locked::owner_died;
    case EBUSY:
      return Locked::timed_out;
    case EDEADLK:
      if (!deadline.is_never()) {
        return Locked::timed_out;
      }
      throw RuntimeError(
          "coeval::multiprocessing: this thread waits for a lock that it holds itself; release it "
          "first, or use an RLock");
    default:
      fail(error, "coeval::multiprocessing: locking a robust mutex");
  }
}

void RobustMutex::unlock() {
  if (!unlock_if_owned()) {
    throw RuntimeError(
        "coeval::multiprocessing: release of a lock by a thread that does not hold it");
  }
}

// The C library compares the owner itself: EPERM is the answer for a robust mutex of another thread,
// and for one that is free. Source: pthread_mutex_unlock(3p).
bool RobustMutex::unlock_if_owned() {
  note_unlock(mutex_);
  const int error = calls().unlock(&mutex_);
  if (error != 0 && error != EPERM) {
    fail(error, "coeval::multiprocessing: unlocking a robust mutex");
  }
  return error == 0;
}

// The layout is glibc's, fixed by the kernel: the futex word of a robust mutex is the owner's
// thread id and two flags. See "The robust futex ABI" in the kernel's documentation.
std::uint32_t RobustMutex::word() const noexcept {
  return static_cast<std::uint32_t>(__atomic_load_n(&mutex_.__data.__lock, __ATOMIC_RELAXED));
}

pid_t RobustMutex::holder() const noexcept {
  return static_cast<pid_t>(word() & FUTEX_TID_MASK);
}

// Relaxed is enough: only this thread writes its own id.
bool RobustMutex::is_owned() const noexcept {
  const pid_t thread = holder();
  return thread != 0 && thread == this_thread_id();
}

bool RobustMutex::is_abandoned() const noexcept {
  return (word() & FUTEX_OWNER_DIED) != 0;
}

}  // namespace coeval::multiprocessing::detail
