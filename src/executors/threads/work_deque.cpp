// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/threads/work_deque.hpp"

#include <algorithm>
#include <utility>

namespace coeval::detail {
namespace {

// The checker's programs are small, and should meet the growth.
#if defined(COEVAL_ATOMIC_HEADER)
constexpr std::size_t first_size = 2;
#else
constexpr std::size_t first_size = 4 * WorkDeque::bundle;
#endif

}  // namespace

WorkDeque::WorkDeque() : ring_(nullptr), rings_(std::make_unique<Ring>(first_size, nullptr)) {
  ring_.store(rings_.get(), std::memory_order_relaxed);  // nobody else knows the deque yet
}

WorkDeque::~WorkDeque() = default;

WorkDeque::Ring& WorkDeque::grow(Ring& ring, Number oldest, Number newest) {
  auto larger = std::make_unique<Ring>(2 * ring.size(), nullptr);
  for (Number i = oldest; i < newest; ++i) {
    larger->put(i, ring.get(i));
  }
  larger->set_before(std::move(rings_));  // invariant 5
  rings_ = std::move(larger);
  ring_.store(rings_.get(), std::memory_order_release);  // pairs with take_oldest_from()
  return *rings_;
}

void WorkDeque::push_all(std::span<const Queued> tasks) noexcept {
  const Number newest = newest_.load(std::memory_order_relaxed);
  Ring& ring = *ring_.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    ring.put(newest + static_cast<Number>(i), tasks[i]);
  }
  newest_.store(newest + static_cast<Number>(tasks.size()), std::memory_order_seq_cst);  // 4 and 6
}

std::size_t WorkDeque::take_bundle(std::span<Queued> tasks) noexcept {
  Oldest word = oldest_.load(std::memory_order_seq_cst);
  for (;;) {
    // Invariants 3, 4 and 7: sequentially consistent after the read of oldest_.
    const Number newest = newest_.load(std::memory_order_seq_cst);
    const Number oldest = number_in(word, newest);
    if (oldest >= newest || tasks.empty()) {
      return 0;
    }
    const Number taken = std::min(most_at_once(newest - oldest), static_cast<Number>(tasks.size()));
    // Acquire: pairs with the release of grow(), so the ring is whole.
    const Ring& ring = *ring_.load(std::memory_order_acquire);
    for (Number i = 0; i < taken; ++i) {
      tasks[static_cast<std::size_t>(i)] = ring.get(oldest + i);
    }
    if (oldest_.compare_exchange_strong(word, moved(word, taken), std::memory_order_seq_cst,
                                        std::memory_order_seq_cst)) {  // invariant 2
      return static_cast<std::size_t>(taken);
    }
  }
}

// The owner has lowered newest_ to this number, which a thief may be about to take: whether the
// owner gets it.
bool WorkDeque::win_against_thieves(Number newest) noexcept {
  Oldest word = oldest_.load(std::memory_order_seq_cst);
  Number oldest = number_in(word, newest);
  while (oldest < newest) {
    if (newest >= oldest + most_at_once(highest_ - oldest)) {
      return true;  // invariant 8
    }
    if (oldest_.compare_exchange_strong(word, word + one_closing, std::memory_order_seq_cst,
                                        std::memory_order_seq_cst)) {
      highest_ = newest;  // a thief that reads oldest_ from now on finds newest_ lowered
      return true;
    }
    oldest = number_in(word, newest);
  }
  const bool won = oldest == newest &&
                   oldest_.compare_exchange_strong(word, moved(word, 1), std::memory_order_seq_cst,
                                                   std::memory_order_relaxed);  // invariant 3
  // Relaxed: the deque is empty, so nobody takes what this value covers.
  newest_.store(newest + 1, std::memory_order_relaxed);
  return won;
}

bool WorkDeque::remove(const Cell& task) noexcept {
  const Number newest = newest_.load(std::memory_order_relaxed);
  if (number_in(oldest_.load(std::memory_order_relaxed), newest) >= newest) {
    return false;
  }
  // A place of the owner's own is never overwritten by others; whether it was taken meanwhile shows
  // in the exchanges.
  if (ring_.load(std::memory_order_relaxed)->get(newest - 1).is(task)) {
    return static_cast<bool>(pop_newest(newest - 1));
  }
  return static_cast<bool>(take_oldest_from(0, [&task](Queued oldest) { return oldest.is(task); }));
}

std::size_t WorkDeque::size() const noexcept {
  const Oldest word = oldest_.load(std::memory_order_relaxed);
  const Number newest = newest_.load(std::memory_order_relaxed);
  const Number oldest = number_in(word, newest);
  return newest > oldest ? static_cast<std::size_t>(newest - oldest) : 0;
}

}  // namespace coeval::detail
