// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/threading/event.hpp>

#include <coeval/threading/detail/wait.hpp>

namespace coeval::threading {

void Event::set() noexcept {
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  std::uint32_t next = 0;
  do {
    next = (word & set_bit) != 0 ? word : ((word & ~sleepers_bit) | set_bit) + one_set;
    // Invariant 2; release pairs with the loads in wait(), is_set() and clear(). Also when the flag
    // is set already, so that this caller's writes are visible too.
  } while (!word_.compare_exchange_weak(word, next, std::memory_order_release,
                                        std::memory_order_relaxed));
  if ((word & sleepers_bit) != 0) {
    word_.notify_all();
  }
}

void Event::clear() noexcept {
  // Acquire pairs with the set() that is undone: its caller's writes are visible to a thread that
  // clears, looks and waits again. Release: so is what this thread did before, to the next waiter.
  word_.fetch_and(~set_bit, std::memory_order_acq_rel);
}

bool Event::wait(Deadline deadline) noexcept {
  std::uint32_t word = word_.load(std::memory_order_acquire);
  const std::uint32_t count_at_entry = word / one_set;
  const auto released = [&] {
    return (word & set_bit) != 0 || word / one_set != count_at_entry;  // invariant 3
  };
  bool in_time = !detail::is_poll(deadline);
  while (!released()) {
    if (!in_time) {
      return false;
    }
    // Invariant 2. On failure the loop looks again at what the word has become.
    if ((word & sleepers_bit) != 0 ||
        word_.compare_exchange_weak(word, word | sleepers_bit, std::memory_order_relaxed,
                                    std::memory_order_acquire)) {
      in_time = word_.wait(word | sleepers_bit, deadline);
      word = word_.load(std::memory_order_acquire);  // pairs with the release in set()
    }
  }
  return true;
}

std::string to_string(const Event& event) {
  return event.is_set() ? "<Event set>" : "<Event unset>";
}

}  // namespace coeval::threading
