// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Spinning: when a thread looks again for a moment before it sleeps. A sleep and a wake across
// processors cost 10 to 30 µs where a look costs nothing; but a thread that spins after it has
// woken another keeps the processor from it. So a worker spins after its last task, and one who
// waits for a future spins only if its submit found a worker that spins.

#include <coeval/core/atomic.hpp>
#include <coeval/core/system.hpp>
#include <coeval/futures/detail/cell.hpp>

#include <cstdint>

namespace coeval::detail {

// How long a spin may last with so many processors: 30 µs; 0 with fewer than two.
std::int64_t spin_time_ns(int cpus) noexcept;

// This thread's submit found a worker that spins: the task will be done soon.
void expect_soon(const Cell& task) noexcept;

// Whether expect_soon was said of this task last; only once.
bool take_expectation(const Cell& task) noexcept;

// Whether take_expectation was true since this was last asked: this thread submits, waits for the
// answer and submits again, so that the worker which gave it is about to search.
bool take_answer() noexcept;

// Whether the task is done before the spin's time is over.
bool spin_until_done(const Cell& task) noexcept;

// Calls done() until it is true, or for time_ns: whether it was.
template <class Done>
bool spin_until(std::int64_t time_ns, Done done) {
  constexpr int looks = 64;  // between two looks at the clock
  const std::int64_t end = sys().monotonic_ns() + time_ns;
  do {
    for (int i = 0; i < looks; ++i) {
      if (done()) {
        return true;
      }
      spin_pause();
    }
  } while (sys().monotonic_ns() < end);
  return false;
}

}  // namespace coeval::detail
