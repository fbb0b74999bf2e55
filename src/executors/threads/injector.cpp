// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/threads/injector.hpp"

#include <coeval/threading/detail/ident.hpp>
#include <coeval/threading/lock.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace coeval::detail {
namespace {

// An empty ring above this is given back.
constexpr std::size_t most_kept = 64 * 1024;

// A push or a take ends sooner than a sleep would begin. The checker tries every order anyway.
#if defined(COEVAL_ATOMIC_HEADER)
constexpr int spins = 0;
#else
constexpr int spins = 100;
#endif

}  // namespace

void QueuedRing::reserve(std::size_t more) {
  if ((size_ == 0 && more == 1) || in_places() + more < places_.size()) {
    return;
  }
  std::size_t wanted = std::max<std::size_t>(64, 2 * places_.size());
  while (wanted <= in_places() + more) {
    wanted *= 2;
  }
  std::vector<Queued> larger(wanted);
  for (std::size_t i = 0; i < in_places(); ++i) {
    larger[i] = at(i);
  }
  places_ = std::move(larger);
  first_ = 0;
}

void QueuedRing::push_back(Queued task) noexcept {
  if (size_ == 0) {
    front_ = task;
  } else {
    at(in_places()) = task;
  }
  ++size_;
}

void QueuedRing::push_front(Queued task) noexcept {
  if (front_) {
    first_ = (first_ - 1) & (places_.size() - 1);
    at(0) = front_;
  }
  front_ = task;
  ++size_;
}

Queued QueuedRing::pop_front() noexcept {
  Queued task = std::exchange(front_, {});
  if (!task) {
    task = at(0);
    first_ = (first_ + 1) & (places_.size() - 1);
  }
  --size_;
  return task;
}

bool QueuedRing::remove(Queued task) noexcept {
  const std::size_t in_ring = in_places();
  for (std::size_t i = in_ring; i-- > 0;) {
    if (at(i).bits() == task.bits()) {
      for (; i + 1 < in_ring; ++i) {
        at(i) = at(i + 1);
      }
      --size_;
      return true;
    }
  }
  if (front_.bits() == task.bits()) {
    front_ = {};
    --size_;
    return true;
  }
  return false;
}

void QueuedRing::shrink() noexcept {
  if (size_ == 0 && places_.size() > most_kept) {
    places_ = {};
    first_ = 0;
  }
}

void Injector::Shard::lock() noexcept {
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  // Invariant 1; acquire pairs with unlock().
  if ((word & held) != 0 ||
      !word_.compare_exchange_strong(word, word | held, std::memory_order_acquire,
                                     std::memory_order_relaxed)) [[unlikely]] {
    lock_slow();
  }
}

void Injector::Shard::lock_slow() noexcept {
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  for (int i = 0; i < spins && (word & held) != 0; ++i) {
    spin_pause();
    word = word_.load(std::memory_order_relaxed);
  }
  // Invariants 1 and 2; acquire as above.
  for (;;) {
    word = word_.fetch_or(held | contended, std::memory_order_acquire);
    if ((word & held) == 0) {
      return;
    }
    word_.wait(word | contended, never);
  }
}

void Injector::Shard::unlock() noexcept {
  const std::size_t tasks = queue.size();
  size.store(tasks, std::memory_order_relaxed);
  // Invariants 2 and 3.
  const std::uint32_t word = word_.exchange(tasks != 0 ? has_tasks : 0, std::memory_order_seq_cst);
  if ((word & contended) != 0) [[unlikely]] {
    word_.notify_one();
  }
}

Injector::Injector(std::size_t shards) : count_(shards), shards_(new Shard[shards]) {}

// A thread always has the same shard: what it submits stays in order.
Injector::Shard& Injector::shard_of_this_thread() const noexcept {
  return shards_[count_ == 1 ? 0 : threading::detail::current_ident() & (count_ - 1)];
}

bool Injector::push(std::span<const Queued> tasks) {
  Shard& shard = shard_of_this_thread();
  const threading::Guard guard(shard);
  if (shard.closed) {
    return false;
  }
  shard.queue.reserve(tasks.size());
  for (const Queued task : tasks) {
    shard.queue.push_back(task);
  }
  shard.pushed.store(shard.pushed.load(std::memory_order_relaxed) + tasks.size(),
                     std::memory_order_relaxed);
  return true;
}

std::size_t Injector::take(Queued* to, std::size_t most, std::size_t& turn) noexcept {
  for (std::size_t i = 0; i < count_; ++i) {
    Shard& shard = shards_[(turn + i) % count_];
    if (shard.looks_empty()) {
      continue;
    }
    const threading::Guard guard(shard);
    const std::size_t size = shard.queue.size();
    const std::size_t taken = std::min(most, (size + 1) / 2);
    for (std::size_t k = 0; k < taken; ++k) {
      to[k] = shard.queue.pop_front();
    }
    if (taken > 0) {
      shard.queue.shrink();
      turn = (turn + i + 1) % count_;
      return taken;
    }
  }
  return 0;
}

std::size_t Injector::take_cells(std::span<Queued> to) noexcept {
  std::size_t taken = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    Shard& shard = shards_[i];
    const threading::Guard guard(shard);
    for (std::size_t left = shard.queue.size(); left > 0; --left) {
      const Queued task = shard.queue.pop_front();
      if (task.is_fork() || taken == to.size()) {
        shard.queue.push_back(task);  // into the place that has just become free
      } else {
        to[taken++] = task;
      }
    }
  }
  return taken;
}

std::vector<Queued> Injector::give_back(std::vector<Queued> tasks) noexcept {
  Shard& shard = shards_[0];
  const threading::Guard guard(shard);
  while (!tasks.empty()) {
    try {
      shard.queue.reserve(1);
    } catch (const std::bad_alloc&) {
      break;
    }
    shard.queue.push_front(tasks.back());
    tasks.pop_back();
  }
  return tasks;
}

bool Injector::remove(Queued task) noexcept {
  Shard& shard = shard_of_this_thread();
  const threading::Guard guard(shard);
  if (!shard.queue.remove(task)) {
    return false;
  }
  shard.pushed.store(shard.pushed.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  return true;
}

void Injector::close() noexcept {
  for (std::size_t i = 0; i < count_; ++i) {
    const threading::Guard guard(shards_[i]);
    shards_[i].closed = true;
  }
}

bool Injector::looks_empty() const noexcept {
  for (std::size_t i = 0; i < count_; ++i) {
    if (!shards_[i].looks_empty()) {
      return false;
    }
  }
  return true;
}

std::size_t Injector::size() const noexcept {
  std::size_t size = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    size += shards_[i].size.load(std::memory_order_relaxed);
  }
  return size;
}

std::size_t Injector::pushed() const noexcept {
  std::size_t pushed = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    pushed += shards_[i].pushed.load(std::memory_order_relaxed);
  }
  return pushed;
}

}  // namespace coeval::detail
