// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// How the primitives sleep on a word.

#include <coeval/core/atomic.hpp>
#include <coeval/core/deadline.hpp>

#include <cstdint>

namespace coeval::threading::detail {

// A deadline that asks not to wait: then no system call is made.
inline bool is_poll(Deadline deadline) noexcept {
  return deadline.nanoseconds() <= 0;
}

// Sleeps while the word is value. Returns what it is then, or value once the deadline has passed.
// The load has acquire order: it pairs with the release store of the one who changed the word.
inline std::uint32_t wait_while(const atomic<std::uint32_t>& word, std::uint32_t value,
                                Deadline deadline) noexcept {
  std::uint32_t seen = word.load(std::memory_order_acquire);
  while (seen == value && !is_poll(deadline)) {
    const bool in_time = word.wait(value, deadline);
    seen = word.load(std::memory_order_acquire);
    if (!in_time) {
      break;
    }
  }
  return seen;
}

}  // namespace coeval::threading::detail
