// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Lane: what one thread that works for a pool has there, be it a worker or a guest (a thread from
// outside that joins its own forked tasks). Lanes: all of a pool, for thieves to walk along.

#include "executors/common/run_task.hpp"
#include "executors/threads/work_deque.hpp"

#include <coeval/core/annotations.hpp>
#include <coeval/core/atomic.hpp>
#include <coeval/threading/lock.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace coeval::detail {

[[gnu::tls_model("initial-exec")]] extern constinit thread_local Seat seat_of_this_thread;

// What a worker has run of one scope's children, one after the other, and not yet counted there.
struct Gathered {
  ForkScope* scope = nullptr;
  std::uint64_t thief_word = 0;  // what it wrote there
  std::int64_t ended = 0;
};

// One thread at a time uses it, as the deque's owner; others take from the deque. Lanes stay with
// their pool when the thread goes, and so do the counts.
struct alignas(64) Lane {
  explicit Lane(std::size_t index) : number(index) {}

  const std::size_t number;
  WorkDeque deque;
  OwnerCounts counts;
  Gathered gathered;

  // Of a guest: the seat it had before, and how many of its scopes use this one.
  Seat outer;
  std::size_t scopes = 0;
};

// Sits down for one task: its children have the numbers from here on.
class Frame {
 public:
  Frame(ThreadPool& pool, Lane& lane) noexcept : outer_(seat_of_this_thread) {
    seat_of_this_thread = {&pool, &lane, lane.deque.next_number(), outer_.depth + 1};
  }
  ~Frame() { seat_of_this_thread = outer_; }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

 private:
  const Seat outer_;
};

class Lanes {
 public:
  // Room for so many lanes; they are made when they are needed.
  explicit Lanes(std::size_t most);

  // A lane that no thread uses. Null when all are in use. Raises std::bad_alloc.
  Lane* acquire() COEVAL_EXCLUDES(lock_);
  // Its deque must be empty.
  void release(Lane& lane) noexcept COEVAL_EXCLUDES(lock_);

  // The lanes there are have the numbers 0 to this - 1.
  // Acquire: pairs with the release in acquire(), so the lanes are whole.
  std::size_t count() const noexcept { return count_.load(std::memory_order_acquire); }
  Lane& operator[](std::size_t number) const noexcept { return *lanes_[number]; }

  // Whether no deque has anything to take.
  bool look_empty() const noexcept;

 private:
  const std::size_t most_;
  const std::unique_ptr<std::unique_ptr<Lane>[]> lanes_;
  atomic<std::size_t> count_{0};
  threading::Lock lock_;
  std::vector<Lane*> free_ COEVAL_GUARDED_BY(lock_);  // with room for all there are
};

}  // namespace coeval::detail
