// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// On small stacks, as of `ulimit -s 256`, tasks that wait for tasks run these themselves, as on large
// ones. With a fixed reserve there was never room, so every worker slept for one that slept as well.

#include "support/sanitizers.hpp"

#include <coeval/executors/parallel_for.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

#include <gtest/gtest.h>

#include <pthread.h>

#include <atomic>
#include <cstddef>

namespace {

using coeval::ThreadPoolExecutor;

constexpr std::size_t kib = 1024;
// Instrumented code needs several times as much.
constexpr std::size_t factor = support::under_sanitizer ? 8 : 1;

// Of the threads that start while it lives.
class StackSize {
 public:
  explicit StackSize(std::size_t size) {
    ::pthread_getattr_default_np(&before_);
    pthread_attr_t small = before_;
    EXPECT_EQ(::pthread_attr_setstacksize(&small, size), 0);
    EXPECT_EQ(::pthread_setattr_default_np(&small), 0);
  }
  ~StackSize() { ::pthread_setattr_default_np(&before_); }
  StackSize(const StackSize&) = delete;
  StackSize& operator=(const StackSize&) = delete;

 private:
  pthread_attr_t before_{};
};

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
  const StackSize small(factor * size);
  ThreadPoolExecutor pool({.max_workers = 2});
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
  const StackSize small(factor * 128 * kib);
  ThreadPoolExecutor pool({.max_workers = 2});
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
