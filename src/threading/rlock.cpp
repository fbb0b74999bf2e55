// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/threading/rlock.hpp>

#include <coeval/core/errors.hpp>

#include <fmt/format.h>

#include <utility>

namespace coeval::threading {

// The inner lock is taken in one call and released in another, under conditions that clang's
// analysis cannot follow.

bool RLock::is_owned() const noexcept {
  return owner_.load(std::memory_order_relaxed) == detail::current_ident();  // invariant 1
}

std::size_t RLock::recursion_count() const noexcept {
  return is_owned() ? count_ : 0;
}

void RLock::lock() noexcept COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  acquire(never);
}

bool RLock::try_lock() noexcept COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  return acquire(Deadline(std::chrono::seconds(0)));
}

bool RLock::acquire(Deadline deadline) noexcept COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  const detail::Ident self = detail::current_ident();
  if (owner_.load(std::memory_order_relaxed) == self) {  // invariant 1
    ++count_;
    return true;
  }
  if (!lock_.acquire(deadline)) {
    return false;
  }
  owner_.store(self, std::memory_order_relaxed);  // invariant 1
  count_ = 1;
  return true;
}

void RLock::unlock() COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  if (!is_owned()) {
    throw RuntimeError(
        "coeval::threading::RLock: release by a thread that does not hold it; only the thread "
        "that acquired it may");
  }
  if (--count_ == 0) {
    owner_.store(0, std::memory_order_relaxed);  // invariant 1
    lock_.unlock();
  }
}

std::size_t RLock::release_all() COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  const std::size_t count = recursion_count();
  if (count > 0) {
    count_ = 1;
  }
  unlock();
  return count;
}

void RLock::restore(std::size_t count) noexcept COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  lock();
  count_ = count;
}

std::string to_string(const RLock& lock) {
  const detail::Ident owner = lock.owner_.load(std::memory_order_relaxed);
  if (owner == 0) {
    return "<RLock unlocked>";
  }
  if (owner != detail::current_ident()) {  // invariant 2: the count is the owner's alone
    return fmt::format("<RLock locked owner={}>", owner);
  }
  return fmt::format("<RLock locked owner={} count={}>", owner, lock.count_);
}

}  // namespace coeval::threading
