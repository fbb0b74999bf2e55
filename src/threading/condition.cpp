// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/threading/condition.hpp>

#include <coeval/core/errors.hpp>
#include <coeval/threading/detail/wait.hpp>

#include <fmt/format.h>

#include <cstdint>
#include <limits>

namespace coeval::threading {

// 1. A waiter is in the list from before the lock is released in wait() until a notify takes it
//    out, or until it takes itself out after a timeout. Both happen with the lock held.
// 2. notified changes once, from 0 to 1, by whoever took the waiter out of the list. So, looked at
//    with the lock held, it says which of the two happened, however a timeout raced with a notify.
// 3. A waiter lives on the stack of wait(), which needs the lock to return: while the lock is held
//    every waiter that is in the list, or was a moment ago, is alive.
struct Condition::Waiter {
  atomic<std::uint32_t> notified{0};
  Waiter* next = nullptr;
  Waiter* previous = nullptr;
};

void Condition::lock() noexcept COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  acquire(never);
}

bool Condition::try_lock() noexcept COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  return lock_ != nullptr ? lock_->try_lock() : rlock_->try_lock();
}

bool Condition::acquire(Deadline deadline) noexcept COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  return lock_ != nullptr ? lock_->acquire(deadline) : rlock_->acquire(deadline);
}

void Condition::unlock() COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  lock_ != nullptr ? lock_->unlock() : rlock_->unlock();
}

void Condition::require_held(const char* call) const {
  if (lock_ != nullptr ? !lock_->locked() : !rlock_->is_owned()) {
    throw RuntimeError(fmt::format(
        "coeval::threading::Condition: {} without the lock; acquire the condition first", call));
  }
}

bool Condition::wait(Deadline deadline) COEVAL_NO_THREAD_SAFETY_ANALYSIS {
  require_held("wait");
  Waiter self;
  self.previous = last_;
  (last_ != nullptr ? last_->next : first_) = &self;
  last_ = &self;
  ++waiting_;

  std::size_t levels = 1;
  if (lock_ != nullptr) {
    lock_->unlock();
  } else {
    levels = rlock_->release_all();
  }
  detail::wait_while(self.notified, 0, deadline);
  if (lock_ != nullptr) {
    lock_->lock();
  } else {
    rlock_->restore(levels);
  }

  // Invariant 2; the lock orders it after the notify.
  if (self.notified.load(std::memory_order_relaxed) != 0) {
    return true;
  }
  (self.previous != nullptr ? self.previous->next : first_) = self.next;
  (self.next != nullptr ? self.next->previous : last_) = self.previous;
  --waiting_;
  return false;
}

void Condition::notify(std::ptrdiff_t n) {
  require_held("notify");
  for (; n > 0 && first_ != nullptr; --n) {
    Waiter& waiter = *first_;
    first_ = waiter.next;
    (first_ != nullptr ? first_->previous : last_) = nullptr;
    --waiting_;
    // Invariants 2 and 3; release pairs with the acquire load in wait_while().
    waiter.notified.store(1, std::memory_order_release);
    waiter.notified.notify_one();
  }
}

void Condition::notify_all() {
  notify(std::numeric_limits<std::ptrdiff_t>::max());
}

std::string to_string(const Condition& condition) {
  return fmt::format(
      "<Condition({}, {} waiting)>",
      condition.lock_ != nullptr ? to_string(*condition.lock_) : to_string(*condition.rlock_),
      condition.waiting_);
}

}  // namespace coeval::threading
