// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// On small stacks, as of `ulimit -s 256` or the option stack_size, tasks that wait for tasks run these themselves, as on large
// ones. With a fixed reserve there was never room, so every worker slept for one that slept as well.

#include "support/sanitizers.hpp"

#include <coeval/executors/parallel_for.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>

namespace {

using coeval::ThreadPoolExecutor;

constexpr std::size_t kib = 1024;
// Instrumented code needs several times as much.
constexpr std::size_t factor = support::under_sanitizer ? 8 : 1;

ThreadPoolExecutor* nested_on = nullptr;

long fibonacci(int n) {
  if (n < 2) {
    return n;
  }
  const auto first = nested_on->submit(fibonacci, n - 1);
  const long second = fibonacci(n - 2);
  return first.result() + second;
}

void expect_fibonacci_on(std::size_t size) {
  ThreadPoolExecutor pool({.max_workers = 2, .stack_size = factor * size});
  nested_on = &pool;
  EXPECT_EQ(pool.submit(fibonacci, support::under_sanitizer ? 12 : 18).result(),
            support::under_sanitizer ? 144 : 2584);
  EXPECT_LT(pool.stats().workers, 100U);  // the others sleep
}

TEST(SmallStacks, nested_tasks_run_on_256_KiB) {
  expect_fibonacci_on(256 * kib);
}
TEST(SmallStacks, nested_tasks_run_on_128_KiB) {
  expect_fibonacci_on(128 * kib);
}

TEST(SmallStacks, nested_loops_run_on_128_KiB) {
  ThreadPoolExecutor pool({.max_workers = 2, .stack_size = factor * 128 * kib});
  std::atomic<int> sum = 0;
  pool.submit([&] {
        coeval::parallel_for(pool, 0, 100, [&](int i) {
          coeval::parallel_for(pool, 0, 10, [&](int j) { sum += i * j; });
        });
      })
      .result();
  EXPECT_EQ(sum.load(), 4950 * 45);
}

}  // namespace
