// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/threading/lock.hpp>

#include <coeval/core/errors.hpp>
#include <coeval/threading/detail/wait.hpp>

namespace coeval::threading {
namespace {

// A short critical section ends sooner than a sleep would begin. The checker tries every order
// anyway.
#if defined(COEVAL_ATOMIC_HEADER)
constexpr int spins = 0;
#else
constexpr int spins = 40;
#endif

}  // namespace

// The three-state mutex of Ulrich Drepper, "Futexes Are Tricky" (2011), section 6.
bool Lock::lock_slow(Deadline deadline) noexcept COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  if (detail::is_poll(deadline)) {
    return false;
  }
  // Nobody sleeps yet: the holder may be about to leave.
  for (int i = 0; i < spins && state_.load(std::memory_order_relaxed) == held; ++i) {
    spin_pause();
  }
  if (try_lock()) {
    return true;
  }
  // Invariants 1 and 2; acquire pairs with the exchange in unlock(). A timeout leaves the word
  // contended, which costs at most one wake of nobody.
  while (state_.exchange(contended, std::memory_order_acquire) != free) {
    if (!state_.wait(contended, deadline)) {
      // The last look: the lock may have been freed at the very deadline, and its wake spent on us.
      return state_.exchange(contended, std::memory_order_acquire) == free;
    }
  }
  return true;
}

void Lock::unlock_slow(std::uint32_t before) {
  if (before == free) {
    throw RuntimeError(
        "coeval::threading::Lock: release of a lock that is not held; acquire it first");
  }
  state_.notify_one();
}

std::string to_string(const Lock& lock) {
  return lock.locked() ? "<Lock locked>" : "<Lock unlocked>";
}

}  // namespace coeval::threading
