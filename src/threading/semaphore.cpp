// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/threading/semaphore.hpp>

#include <coeval/core/errors.hpp>
#include <coeval/threading/detail/wait.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace coeval::threading {
namespace {

std::uint32_t checked(std::ptrdiff_t initial) {
  if (initial < 0 || initial > Semaphore::max()) {
    throw ValueError(
        fmt::format("coeval::threading::Semaphore: the initial value is {}; give one from 0 to {}",
                    initial, Semaphore::max()));
  }
  return static_cast<std::uint32_t>(initial);
}

}  // namespace

Semaphore::Semaphore(std::ptrdiff_t initial) : Semaphore(initial, max()) {}

Semaphore::Semaphore(std::ptrdiff_t initial, std::ptrdiff_t bound)
    : word_(checked(initial)), bound_(static_cast<std::uint32_t>(bound)) {}

bool Semaphore::try_acquire() noexcept {
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  while (value_of(word) > 0) {
    // Acquire pairs with the release in release().
    if (word_.compare_exchange_weak(word, word - 1, std::memory_order_acquire,
                                    std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

bool Semaphore::acquire(Deadline deadline) noexcept {
  if (try_acquire()) {
    return true;
  }
  if (detail::is_poll(deadline)) {
    return false;
  }
  // Invariant 2. Relaxed: what orders is the exchange that takes the value.
  std::uint64_t word = word_.fetch_add(one_waiter, std::memory_order_relaxed) + one_waiter;
  for (bool in_time = true;;) {
    // Taking the value, or giving up, and leaving the waiters is one step. Acquire pairs with the
    // release in release().
    if (value_of(word) > 0 || !in_time) {
      const bool taken = value_of(word) > 0;
      if (word_.compare_exchange_weak(word, word - one_waiter - (taken ? 1 : 0),
                                      std::memory_order_acquire, std::memory_order_relaxed)) {
        return taken;
      }
    } else {
      in_time = word_.wait(word, deadline);  // invariant 3
      word = word_.load(std::memory_order_relaxed);
    }
  }
}

void Semaphore::release(std::ptrdiff_t n) {
  if (n < 1) {
    throw ValueError(
        fmt::format("coeval::threading::Semaphore: release of {}; release one or more", n));
  }
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  do {
    if (n > static_cast<std::ptrdiff_t>(bound_) - static_cast<std::ptrdiff_t>(value_of(word))) {
      throw ValueError(fmt::format(
          "coeval::threading::Semaphore: a release of {} would exceed the bound of {} (the value "
          "is {}); release only what was acquired",
          n, bound_, value_of(word)));
    }
    // Invariant 2; release pairs with the acquire of whoever takes the value.
  } while (!word_.compare_exchange_weak(word, word + static_cast<std::uint64_t>(n),
                                        std::memory_order_release, std::memory_order_relaxed));
  const auto waiters = static_cast<std::ptrdiff_t>(word / one_waiter);
  if (waiters > 1 && n >= waiters) {
    word_.notify_all();
    return;
  }
  for (std::ptrdiff_t i = std::min(n, waiters); i > 0; --i) {
    word_.notify_one();
  }
}

std::ptrdiff_t Semaphore::value() const noexcept {
  return value_of(word_.load(std::memory_order_relaxed));
}

std::string to_string(const Semaphore& semaphore) {
  if (semaphore.bound_ == Semaphore::max()) {
    return fmt::format("<Semaphore value={}>", semaphore.value());
  }
  return fmt::format("<BoundedSemaphore value={}/{}>", semaphore.value(), semaphore.bound_);
}

}  // namespace coeval::threading
