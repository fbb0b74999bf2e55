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
  return expected_task == &task && std::exchange(expected_task, nullptr) != nullptr;
}

bool spin_until_done(const Cell& task) noexcept {
  const std::int64_t begin = sys().monotonic_ns();
  while (sys().monotonic_ns() - begin < no_look_ns) {
    spin_pause();
  }
  return spin_until(longest_spin_ns, [&task] { return task.done(); });
}

}  // namespace coeval::detail
