// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// ChunkProgress: how far a worker is with the elements of a chunk, and where the chunk ends, in one
// word, so that the pool can take away what the worker has not begun.
//
// Invariants:
//  1. The word is the element that runs, below it all are done; and the end.
//  2. The worker alone moves the element on, to the end at the most; the pool alone moves the end,
//     down to the element behind the one that runs. One exchange decides who has an element.
//  3. What an element's result is made of was written before the element moved on.

#include <coeval/core/atomic.hpp>

#include <cstdint>
#include <optional>

namespace coeval::detail {

class ChunkProgress {
 public:
  struct State {
    std::uint32_t element = 0;
    std::uint32_t end = 0;
  };

  // Before the worker may see the chunk.
  void begin(State state) noexcept { word_.store(word_of(state), std::memory_order_relaxed); }

  // Of the worker: the element that ran is done. Whether there is another one.
  bool advance() noexcept {
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    State next;
    do {
      next = state_of(word);
      ++next.element;
      // Release: invariant 3.
    } while (!word_.compare_exchange_weak(word, word_of(next), std::memory_order_release,
                                          std::memory_order_relaxed));
    return next.element < next.end;
  }

  // Of the worker: the chunk ends behind the element that ran last.
  void stop_here() noexcept {
    const State now = state_of(word_.load(std::memory_order_relaxed));
    begin({.element = now.element, .end = now.element});
  }

  // Of the pool, for a chunk of these elements: takes away those behind the one that runs. The first
  // of them; none if there is none, or the worker has written nonsense.
  std::optional<std::uint32_t> cut(State known) noexcept {
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    while (true) {
      const State now = state_of(word);
      if (now.element < known.element || now.end != known.end || now.element >= now.end ||
          now.end - now.element < 2) {
        return std::nullopt;
      }
      const std::uint32_t from = now.element + 1;
      if (word_.compare_exchange_weak(word, word_of({.element = now.element, .end = from}),
                                      std::memory_order_relaxed, std::memory_order_relaxed)) {
        return from;
      }
    }
  }

  // Acquire: invariant 3.
  State read() const noexcept { return state_of(word_.load(std::memory_order_acquire)); }

 private:
  static std::uint64_t word_of(State state) noexcept {
    return std::uint64_t{state.element} << 32 | state.end;
  }
  static State state_of(std::uint64_t word) noexcept {
    return {.element = static_cast<std::uint32_t>(word >> 32),
            .end = static_cast<std::uint32_t>(word)};
  }

  atomic<std::uint64_t> word_{0};
};

}  // namespace coeval::detail
