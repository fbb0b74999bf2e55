// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/locks/robust_mutex.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/system.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace coeval::multiprocessing::detail {
namespace {

using namespace std::chrono_literals;

// How long a waiter sleeps before it looks whether the holder lives: twice as long each time.
constexpr std::chrono::nanoseconds first_nap = 1ms;
constexpr std::chrono::nanoseconds longest_nap = 50ms;

// So often somebody may come first after the deadline.
constexpr int most_late_rounds = 16;

}  // namespace

// Goes on after a first attempt that failed. Ends soon after the deadline whatever is written into
// the memory meanwhile.
Locked RobustMutex::wait(const ThisThread& self, Deadline deadline) {
  std::uint64_t mark = 0;
  std::chrono::nanoseconds nap = first_nap;
  Deadline next_look(nap);
  for (int late_rounds = 0; late_rounds < most_late_rounds;) {
    const bool is_late = deadline.expired();
    late_rounds += is_late ? 1 : 0;
    std::uint64_t seen = owner_.load(std::memory_order_relaxed);
    if (seen == 0) {
      if (take(seen, self, self.token | mark)) {
        return Locked::yes;
      }
      continue;
    }
    if ((seen & ~sleepers) == self.token) {
      if (!deadline.is_never()) {
        return Locked::timed_out;
      }
      throw RuntimeError(
          "coeval::multiprocessing: this thread waits for a lock that it holds itself; release it "
          "first, or use an RLock");
    }
    if (is_late || next_look.expired()) {  // whatever woke it: signals may come all the time
      if (is_dead(seen)) {
        if (take(seen, self, self.token | (seen & sleepers) | mark)) {  // invariant 2
          return Locked::owner_died;
        }
        continue;
      }
      nap = std::min(2 * nap, longest_nap);
      next_look = Deadline(nap);
    }
    if (is_late) {
      return Locked::timed_out;
    }
    if ((seen & sleepers) == 0 &&
        !owner_.compare_exchange_strong(seen, seen | sleepers, std::memory_order_relaxed,
                                        std::memory_order_relaxed)) {
      continue;
    }
    sleep(seen | sleepers, std::min(deadline, next_look));
    mark = sleepers;  // invariant 4
  }
  return Locked::timed_out;
}

Locked RobustMutex::wait(const ThisThread& self, Patience patience) {
  return wait(self, std::max(patience.deadline, Deadline(10s)));
}

namespace {

// The low half of the word comes first in memory: atomic.hpp requires that.
const std::uint32_t* low_half(const atomic<std::uint64_t>& word) noexcept {
  return reinterpret_cast<const std::uint32_t*>(&word);
}

}  // namespace

void RobustMutex::sleep(std::uint64_t owner, Deadline deadline) noexcept {
  sys().shared_futex_wait(low_half(owner_), static_cast<std::uint32_t>(owner),
                          deadline.nanoseconds());
}

// Goes on when the word was not this thread's token without a mark.
bool RobustMutex::unlock_and_wake(std::uint64_t seen, ThreadToken self) noexcept {
  if ((seen & ~sleepers) != self ||
      !owner_.compare_exchange_strong(seen, 0, std::memory_order_release,
                                      std::memory_order_relaxed)) {
    return false;
  }
  owner_.notify_one_shared();
  return true;
}

// If the program is not about this token, its holder has not come so far as to write it, or is
// another by now.
bool RobustMutex::is_dead(std::uint64_t owner) const noexcept {
  return is_gone({.token = owner & ~sleepers, .program = program_.load(std::memory_order_relaxed)});
}

pid_t RobustMutex::holder() const noexcept {
  const std::uint64_t owner = owner_.load(std::memory_order_relaxed);
  const bool is_held = owner != 0 && (is_owned() || !is_dead(owner));
  return is_held ? thread_id_of(owner) : 0;
}

bool RobustMutex::is_abandoned() const noexcept {
  const std::uint64_t owner = owner_.load(std::memory_order_relaxed);
  return owner != 0 && !is_owned() && is_dead(owner);
}

void throw_busy(const char* type) {
  throw TimeoutError(fmt::format(
      "coeval::multiprocessing::{}: a process that is at work on it does not go on; look "
      "for one that is stopped",
      type));
}

}  // namespace coeval::multiprocessing::detail
