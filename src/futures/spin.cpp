// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "futures/spin.hpp"

#include <utility>

namespace coeval::detail {
namespace {

constexpr std::int64_t longest_spin_ns = 30'000;

// No task is done sooner: its cache line goes to the worker and comes back. A look meanwhile would
// take the line from the worker, which is about to write it.
constexpr std::int64_t no_look_ns = 60;

[[gnu::tls_model("initial-exec")]] constinit thread_local const Cell* expected_task = nullptr;
[[gnu::tls_model("initial-exec")]] constinit thread_local bool answered = false;

}  // namespace

std::int64_t spin_time_ns([[maybe_unused]] int cpus) noexcept {
#if defined(COEVAL_ATOMIC_HEADER)
  return 0;  // the checker tries every order anyway
#else
  return cpus < 2 ? 0 : longest_spin_ns;
#endif
}

void expect_soon(const Cell& task) noexcept {
  expected_task = &task;
}

bool take_expectation(const Cell& task) noexcept {
  if (expected_task != &task) {
    return false;
  }
  expected_task = nullptr;
  answered = true;
  return true;
}

bool take_answer() noexcept {
  return std::exchange(answered, false);
}

bool spin_until_done(const Cell& task) noexcept {
  constexpr int most_pauses = 8;  // for a clock that a test has stopped
  const std::int64_t end = sys().monotonic_ns() + no_look_ns;
  for (int i = 0; i < most_pauses && sys().monotonic_ns() < end; ++i) {
    spin_pause();
  }
  return spin_until(longest_spin_ns, [&task] { return task.done(); });
}

}  // namespace coeval::detail
