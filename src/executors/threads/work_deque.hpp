// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// WorkDeque: the tasks of one worker. The owner puts them in at the newest end without a lock; any
// thread takes the oldest, one or a bundle, and the owner may also take the newest back.
//
// After Chase and Lev, "Dynamic Circular Work-Stealing Deque" (2005), with the memory orders of Lê,
// Pop, Cohen and Zappa Nardelli, "Correct and Efficient Work-Stealing for Weak Memory Models"
// (2013), whose fences are sequentially consistent accesses here. There a thief takes one task at a
// time; bundles are invariants 7 and 8.
//
// Invariants:
//  1. The tasks have the numbers from that in oldest_ to newest_ - 1, and lie in the ring at their
//     number modulo its size. Only the owner writes newest_ and the places.
//  2. Tasks leave at the old end by the one compare-exchange that moves oldest_ over their numbers;
//     numbers at that end never come back.
//  3. The owner takes the newest by lowering newest_ first; if that was the last task, it must win
//     invariant 2's exchange too, against thieves that had seen it.
//  4. A task is in its place before newest_ covers it: release store, acquire load.
//  5. A ring that was replaced stays readable until the deque ends: a thief may be in it, and what
//     it reads there is right whenever its exchange succeeds.
//  6. push() is sequentially consistent, and so are the reads of looks_empty(): of a push and a
//     worker that stops searching, one sees the other (ThreadPool, invariant 2).
//  7. A thief reads oldest_ before newest_, and takes at most most_at_once() of the tasks between.
//  8. The owner takes a number without an exchange only if no thief can take it with oldest_ as it
//     is: if the number is beyond what most_at_once() allows of all tasks that a thief may have seen.
//     Those end at highest_, the highest newest_ since the owner last closed the bundles: that moves
//     the count in oldest_, so that every exchange fails that began before.

#include "executors/threads/queued.hpp"

#include <coeval/core/atomic.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace coeval::detail {

class WorkDeque {
 public:
  // Numbers of tasks: they tell which were pushed later.
  using Number = std::int64_t;

  WorkDeque();
  WorkDeque(const WorkDeque&) = delete;
  WorkDeque& operator=(const WorkDeque&) = delete;
  ~WorkDeque();

  // ---- the owner

  // Raises std::bad_alloc; the deque is as before then.
  void push(Queued task);

  // Puts many into an empty deque; at most bundle.
  static constexpr std::size_t bundle = 64;
  void push_all(std::span<const Queued> tasks) noexcept;

  // The newest task, unless its number is below from; or nothing.
  Queued pop_newest(Number from) noexcept;

  // Takes this very task out if it is the newest or the oldest.
  bool remove(const Cell& task) noexcept;

  // The number that the next push gives.
  Number next_number() const noexcept { return newest_.load(std::memory_order_relaxed); }

  // ---- any thread

  // The oldest task, or nothing.
  Queued take_oldest() noexcept;

  // The oldest tasks, as many as there is room for and a thief may take at once: how many.
  std::size_t take_bundle(std::span<Queued> tasks) noexcept;

  // The oldest task if its number is from or more and allowed(task) holds just before it is taken.
  template <class Allowed>
  Queued take_oldest_from(Number from, Allowed allowed) noexcept;

  // Whether there is nothing to take at this moment.
  bool looks_empty() const noexcept {
    const Number newest = newest_.load(std::memory_order_seq_cst);
    return newest <= number_in(oldest_.load(std::memory_order_seq_cst), newest);
  }
  std::size_t size() const noexcept;

 private:
  class Ring;

  // The number of the oldest task in the low bits, and above them how often bundles were closed.
  // Both wrap around: a thief would have to sleep through 2^28 closings to take a word for another.
  using Oldest = std::uint64_t;
  static constexpr int number_bits = 36;
  static constexpr Oldest number_mask = (Oldest{1} << number_bits) - 1;
  static constexpr Oldest one_closing = Oldest{1} << number_bits;

  // A thief takes one task, or of many one in so many. (The checker's programs are small.)
#if defined(COEVAL_ATOMIC_HEADER)
  static constexpr Number part_to_take = 2;
#else
  static constexpr Number part_to_take = 8;
#endif
  static constexpr Number most_at_once(Number tasks) noexcept {
    return std::clamp(tasks / part_to_take, Number{1}, static_cast<Number>(bundle));
  }

  // The whole number; newest is one less than 2^35 away from it.
  static constexpr Number number_in(Oldest oldest, Number newest) noexcept {
    constexpr int unused = 64 - number_bits;
    const Oldest distance = (static_cast<Oldest>(newest) - oldest) << unused;
    return newest - (static_cast<Number>(distance) >> unused);
  }
  static constexpr Oldest moved(Oldest oldest, Number by) noexcept {
    return (oldest & ~number_mask) | ((oldest + static_cast<Oldest>(by)) & number_mask);
  }

  Ring& grow(Ring& ring, Number oldest, Number newest);
  bool win_against_thieves(Number newest) noexcept;

  alignas(64) atomic<Oldest> oldest_{0};
  alignas(64) atomic<Number> newest_{0};
  Number oldest_seen_ = 0;  // by the owner; never more than the number in oldest_
  Number highest_ = 0;      // invariant 8; only the owner
  atomic<Ring*> ring_;
  std::unique_ptr<Ring> rings_;  // the newest; it owns those before it
};

class WorkDeque::Ring {
 public:
  Ring(std::size_t size, std::unique_ptr<Ring> before)
      : mask_(size - 1), places_(new atomic<std::uintptr_t>[size]), before_(std::move(before)) {}

  std::size_t size() const noexcept { return mask_ + 1; }

  // Relaxed: invariant 4's accesses of newest_ order the places.
  Queued get(Number number) const noexcept {
    return Queued::from_bits(at(number).load(std::memory_order_relaxed));
  }
  void put(Number number, Queued task) noexcept {
    at(number).store(task.bits(), std::memory_order_relaxed);
  }
  void set_before(std::unique_ptr<Ring> before) noexcept { before_ = std::move(before); }

 private:
  atomic<std::uintptr_t>& at(Number number) const noexcept {
    return places_[static_cast<std::size_t>(number) & mask_];
  }

  const std::size_t mask_;
  const std::unique_ptr<atomic<std::uintptr_t>[]> places_;
  std::unique_ptr<Ring> before_;
};

template <class Allowed>
Queued WorkDeque::take_oldest_from(Number from, Allowed allowed) noexcept {
  Oldest word = oldest_.load(std::memory_order_seq_cst);
  for (;;) {
    // Invariants 3, 4 and 7: sequentially consistent after the read of oldest_.
    const Number newest = newest_.load(std::memory_order_seq_cst);
    const Number oldest = number_in(word, newest);
    if (oldest < from || oldest >= newest) {
      return {};
    }
    // Acquire: pairs with the release of grow(), so the ring is whole.
    const Queued task = ring_.load(std::memory_order_acquire)->get(oldest);
    if (!allowed(task)) {
      return {};
    }
    // Invariant 2; a weak failure is a lost race like any other.
    if (oldest_.compare_exchange_strong(word, moved(word, 1), std::memory_order_seq_cst,
                                        std::memory_order_seq_cst)) {
      return task;
    }
  }
}

inline Queued WorkDeque::take_oldest() noexcept {
  return take_oldest_from(0, [](Queued) { return true; });
}

inline void WorkDeque::push(Queued task) {
  const Number newest = newest_.load(std::memory_order_relaxed);
  Ring* ring = ring_.load(std::memory_order_relaxed);
  if (newest - oldest_seen_ >= static_cast<Number>(ring->size())) [[unlikely]] {
    oldest_seen_ = number_in(oldest_.load(std::memory_order_acquire), newest);
    if (newest - oldest_seen_ >= static_cast<Number>(ring->size())) {
      ring = &grow(*ring, oldest_seen_, newest);
    }
  }
  ring->put(newest, task);
  newest_.store(newest + 1, std::memory_order_seq_cst);  // invariants 4 and 6
}

inline Queued WorkDeque::pop_newest(Number from) noexcept {
  const Number newest = newest_.load(std::memory_order_relaxed) - 1;
  if (newest < from || newest < number_in(oldest_.load(std::memory_order_relaxed), newest)) {
    return {};
  }
  highest_ = std::max(highest_, newest + 1);
  newest_.store(newest, std::memory_order_seq_cst);  // invariant 3
  const Number oldest = number_in(oldest_.load(std::memory_order_seq_cst), newest);
  const Queued task = ring_.load(std::memory_order_relaxed)->get(newest);
  const bool beyond_reach = newest >= oldest + most_at_once(highest_ - oldest);  // invariant 8
  return beyond_reach || win_against_thieves(newest) ? task : Queued();
}

}  // namespace coeval::detail
