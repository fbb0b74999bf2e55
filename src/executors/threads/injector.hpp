// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Injector: the tasks that come to a thread pool from outside, first in, first out. Submitters spread
// over a few shards, so that they seldom meet; workers take a bundle at a time, so that a burst
// costs each side little more than its pushes. The places lie side by side, and a worker fetches
// the tasks of a bundle ahead: a linked list would cost it a cache miss for each.
//
// Invariants, for each shard:
//  1. Its queue, count and end belong to who holds it: who moved its word from not held to held.
//  2. A thread sleeps only while the word is held and contended, and who lets go of a contended shard
//     wakes one sleeper. A thread that has ever slept takes the shard as contended.
//  3. Whenever the shard is not held, the word says whether there are tasks. Letting go says it in
//     the same step, so that a worker which looks never meets a shard that is still held for long.
//     That step is sequentially consistent, and so are the reads of looks_empty(): of a push and a
//     worker that stops searching, one sees the other (ThreadPool, invariant 2).
//  4. After close() nothing is pushed; what was pushed before is seen by whoever sees that close()
//     has returned.

#include "executors/threads/queued.hpp"

#include <coeval/core/annotations.hpp>
#include <coeval/core/atomic.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace coeval::detail {

// A queue that grows. Not thread-safe.
class QueuedRing {
 public:
  std::size_t size() const noexcept { return size_; }
  // Room for so many more; raises std::bad_alloc.
  void reserve(std::size_t more);
  // Each only when there is room.
  void push_back(Queued task) noexcept;
  void push_front(Queued task) noexcept;
  Queued pop_front() noexcept;
  // Takes this task out, looking from the newest on.
  bool remove(Queued task) noexcept;
  // Frees memory that a great burst has left behind, if the queue is empty.
  void shrink() noexcept;

 private:
  Queued& at(std::size_t i) noexcept { return places_[(first_ + i) & (places_.size() - 1)]; }
  std::size_t in_places() const noexcept { return size_ - (front_ ? 1 : 0); }

  std::size_t size_ = 0;
  // The oldest, unless it is in the places with the others. One that comes alone lies here, in the
  // cache line that its taker has to read anyway.
  Queued front_;
  std::size_t first_ = 0;
  std::vector<Queued> places_;  // a power of two, or none
};

class Injector {
 public:
  explicit Injector(std::size_t shards);

  // Puts tasks at the end of the calling thread's shard, together. False after close(): nothing was
  // put. Raises std::bad_alloc, nothing was put then either.
  bool push(std::span<const Queued> tasks);

  // Takes up to most of the oldest tasks of one shard, but leaves half of a small number to others;
  // returns how many. turn says where to look first, and moves on.
  std::size_t take(Queued* to, std::size_t most, std::size_t& turn) noexcept;

  // Takes tasks that are not forked ones.
  std::size_t take_cells(std::span<Queued> to) noexcept;

  // Puts tasks back at the front, after close() too. A task that finds no memory for its place is
  // returned.
  std::vector<Queued> give_back(std::vector<Queued> tasks) noexcept;

  // Takes a task out again that was pushed by this thread just now; false if it is not here.
  bool remove(Queued task) noexcept;

  void close() noexcept;

  bool looks_empty() const noexcept;
  std::size_t size() const noexcept;
  std::size_t pushed() const noexcept;  // ever, without those that were removed

 private:
  class COEVAL_CAPABILITY("Shard") alignas(64) Shard {
    static constexpr std::uint32_t held = 1;
    static constexpr std::uint32_t contended = 2;
    static constexpr std::uint32_t has_tasks = 4;

    void lock_slow() noexcept;

    atomic<std::uint32_t> word_{0};

   public:
    void lock() noexcept COEVAL_ACQUIRE();
    void unlock() noexcept COEVAL_RELEASE();
    bool looks_empty() const noexcept {
      return (word_.load(std::memory_order_seq_cst) & has_tasks) == 0;
    }

    bool closed COEVAL_GUARDED_BY(this) = false;
    // Written by who holds the shard; relaxed, for statistics.
    atomic<std::size_t> size{0};
    atomic<std::size_t> pushed{0};
    QueuedRing queue COEVAL_GUARDED_BY(this);
  };

  Shard& shard_of_this_thread() const noexcept;

  const std::size_t count_;
  const std::unique_ptr<Shard[]> shards_;
};

}  // namespace coeval::detail
