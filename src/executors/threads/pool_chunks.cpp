// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// How a ThreadPool runs the chunks of maps: one worker all of one, or all workers element by element
// where an element takes long.

#include "executors/threads/thread_pool.hpp"

#include <coeval/core/system.hpp>
#include <coeval/executors/detail/thread_chunk.hpp>

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

namespace coeval::detail {
namespace {

// A chunk that runs is looked at so often. Most are long done by then.
constexpr std::chrono::nanoseconds between_looks = std::chrono::milliseconds(1);
// With fewer elements since the last look they are long, or their thread does not get on.
constexpr std::uint32_t few_elements = 10;

// The elements that were taken away from a chunk, of which the caller has the claim.
template <class Counts>
void fail_taken(MapChunk& chunk, const MapProgress::Claim& claim, const std::exception_ptr& error,
                Counts& counts) noexcept {
  if (claim.element != chunk.size() || claim.taken == 0) {
    return;
  }
  counts.count_cancelled(claim.taken);
  for (std::uint32_t element = chunk.size() - claim.taken; element != chunk.size(); ++element) {
    chunk.fail_element(element, error);
    chunk.publish(element);
  }
  if (chunk.progress().tell_each()) {
    chunk.tell_reader();
  }
  chunk.leave(claim.taken);
}

// An element that was claimed: counted and published however its call ends.
struct ClaimedElement {
  ClaimedElement(MapChunk& c, std::uint32_t e, OwnerCounts& o, std::uint32_t& p) noexcept
      : chunk(c), element(e), counts(o), published(p) {}
  ClaimedElement(const ClaimedElement&) = delete;
  ClaimedElement& operator=(const ClaimedElement&) = delete;
  ~ClaimedElement() {
    counts.count(ran);
    chunk.publish(element);
    ++published;
  }

  MapChunk& chunk;
  const std::uint32_t element;
  OwnerCounts& counts;
  std::uint32_t& published;
  Ran ran = Ran::raised;
};

}  // namespace

std::size_t ThreadPool::tasks_in(Cell& cell) noexcept {
  const auto* const chunk = dynamic_cast<const MapChunk*>(&cell);
  return chunk == nullptr ? 1 : chunk->size();
}

void ThreadPool::enqueue_chunks(std::span<CellRef> chunks) {
  const auto count = [this](std::ptrdiff_t parts) {
    chunk_parts_.fetch_add(parts, std::memory_order_relaxed);
    waiting_parts_.fetch_add(parts, std::memory_order_relaxed);
  };
  std::ptrdiff_t parts = 0;
  for (const CellRef& chunk : chunks) {
    parts += static_cast<std::ptrdiff_t>(tasks_in(*chunk)) - 1;
  }
  count(parts);
  try {
    enqueue_all(chunks);
  } catch (...) {
    for (const CellRef& chunk : chunks) {
      if (chunk) {
        count(1 - static_cast<std::ptrdiff_t>(tasks_in(*chunk)));
      }
    }
    throw;
  }
}

// A cell is out of the queues, where it stood for so many tasks.
void ThreadPool::forget_waiting(std::size_t tasks) noexcept {
  waiting_parts_.fetch_sub(static_cast<std::ptrdiff_t>(tasks) - 1, std::memory_order_relaxed);
}

void ThreadPool::run_elements(MapChunk& chunk, Lane& lane) {
  MapProgress& progress = chunk.progress();
  struct Turn {
    ~Turn() {
      if (!ended) {  // an element ended its thread: the others go on without it
        if (chunk.progress().tell_each()) {
          chunk.tell_reader();
        }
        if (!pool.spread(chunk)) {
          pool.drop_elements(chunk, nullptr);
        }
      }
      chunk.leave(published);
    }
    ThreadPool& pool;
    MapChunk& chunk;
    std::uint32_t published = 0;
    bool ended = false;
  } turn{*this, chunk};
  while (true) {
    if (is(dropping)) [[unlikely]] {
      progress.take_away();
    }
    const MapProgress::Claim claim = progress.claim();
    if (claim.tells) {
      chunk.tell_reader();
    }
    if (claim.element >= chunk.size()) {
      turn.ended = true;
      if (claim.taken != 0) {
        fail_taken(chunk, claim, chunk.cancelled_error(), lane.counts);
      }
      return;
    }
    const Frame frame(*this, lane);
    ClaimedElement one(chunk, claim.element, lane.counts, turn.published);
    one.ran = chunk.run_element(claim.element);
    ForkScope::tell_gathered(lane);
  }
}

// Nobody is to begin its elements any more. Null: they were cancelled.
void ThreadPool::drop_elements(MapChunk& chunk, const std::exception_ptr& error) noexcept {
  chunk.progress().take_away();
  fail_taken(chunk, chunk.progress().claim(), error != nullptr ? error : chunk.cancelled_error(),
             counts_);
}

// Puts a running chunk in front of all others, for as many workers as there is something to do for.
// False if there was nothing left, or no memory.
bool ThreadPool::spread(MapChunk& chunk) noexcept {
  const std::size_t others = std::max<std::size_t>(max_workers_ - 1, 1);
  const std::size_t wanted = std::min<std::size_t>(chunk.progress().left(), others);
  std::vector<Queued> entries;
  try {
    entries.reserve(wanted);
  } catch (const std::bad_alloc&) {
    return false;
  }
  for (std::size_t i = 0; i != wanted; ++i) {
    entries.push_back(Queued::of(*CellRef(chunk).release()));
  }
  const auto count = [this](std::size_t by) {
    claimed_.fetch_add(static_cast<std::ptrdiff_t>(by), std::memory_order_relaxed);
  };
  count(wanted);  // the chunk has begun
  const std::vector<Queued> left = injector_.give_back(std::move(entries));
  for (const Queued entry : left) {
    entry.take_cell();
    claimed_.fetch_sub(1, std::memory_order_relaxed);
  }
  if (needs_worker()) {
    provide_if_possible();
  }
  return left.size() != wanted;
}

// Of the timer. Whether the chunk is to be looked at again.
bool ThreadPool::look_at(MapChunk& chunk, MapTempo& tempo) noexcept {
  if (chunk.progress().left() == 0) {
    return false;
  }
  if (chunk.claimed_since() >= few_elements) {
    return true;
  }
  tempo.note_long();
  if (chunk.progress().tell_each()) {
    chunk.tell_reader();
  }
  spread(chunk);
  return false;
}

// What a worker does with a chunk that it has started.
void ThreadPool::run_chunk(MapChunk& chunk, MapTempo& tempo, Lane& lane) {
  forget_waiting(chunk.size());
  const std::int64_t began_at = sys().monotonic_ns();
  std::optional<Deadline> look;
  try {
    look = timer_.watch(chunk, between_looks, [pool = weak_from_this(), &tempo](Cell& running) {
      const auto alive = pool.lock();
      return alive != nullptr && alive->look_at(static_cast<MapChunk&>(running), tempo);
    });
  } catch (...) {
    spread(chunk);  // nobody would look after it
  }
  const struct Forget {
    ~Forget() {
      if (look) {
        pool.timer_.forget(chunk, *look);
      }
    }
    ThreadPool& pool;
    MapChunk& chunk;
    const std::optional<Deadline>& look;
  } forget{*this, chunk, look};
  run_elements(chunk, lane);
  const std::int64_t took = sys().monotonic_ns() - began_at;
  if (took < between_looks.count()) {
    tempo.note(chunk.size(), took);
  }
}

void run_map_chunk(MapChunk& chunk, MapTempo& tempo) {
  const Seat seat = seat_of_this_thread;
  seat.pool->run_chunk(chunk, tempo, *seat.lane);
}

void enqueue_chunks(ExecutorBackend& backend, std::span<CellRef> chunks) {
  backend.thread_pool()->enqueue_chunks(chunks);
}

}  // namespace coeval::detail
