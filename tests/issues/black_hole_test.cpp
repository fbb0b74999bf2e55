// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// A worker that a task has spoilt, by a leak or otherwise, fails the next ones faster than the others
// run theirs, and so would take them all.

#include "executors/processes/support.hpp"

#include <coeval/core/cpu.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <thread>
#include <vector>

namespace process_pool_test {
namespace {

using coeval::Future;
using coeval::ProcessPoolExecutor;

constexpr std::size_t megabyte = std::size_t{1} << 20;

#define SKIP_UNDER_SANITIZER() \
  if (under_sanitizer)         \
  GTEST_SKIP() << "a sanitizer's own memory is beyond any limit"

int leak(std::size_t megabytes) {
  auto* const lost = static_cast<char*>(std::malloc(megabytes * megabyte));
  std::memset(lost, 1, megabytes * megabyte);
  asm volatile("" : : "r"(lost) : "memory");
  return ::getpid();
}

int allocate(std::size_t megabytes) {
  const std::vector<char> memory(megabytes * megabyte, 'x');
  asm volatile("" : : "r"(memory.data()) : "memory");
  return ::getpid();
}

std::size_t bad_allocs(const std::vector<Future<int>>& futures) {
  return static_cast<std::size_t>(std::ranges::count_if(futures, [](const Future<int>& future) {
    try {
      future.result();
      return false;
    } catch (const std::bad_alloc&) {
      return true;
    }
  }));
}

TEST(BlackHole, a_leak_costs_no_other_task_its_memory) {
  SKIP_UNDER_SANITIZER();
  ProcessPoolExecutor pool({.max_workers = 2, .memory_limit = 256 * megabyte});
  pool.submit(leak, std::size_t{220}).result();
  std::vector<Future<int>> innocent;
  for (int i = 0; i < 24; ++i) {
    innocent.push_back(pool.submit(allocate, std::size_t{50}));
  }
  EXPECT_EQ(bad_allocs(innocent), 0U);
}

TEST(BlackHole, a_process_without_memory_is_replaced) {
  SKIP_UNDER_SANITIZER();
  ProcessPoolExecutor pool({.max_workers = 1, .memory_limit = 256 * megabyte, .recycle_above = 0});
  const int spoilt = pool.submit(leak, std::size_t{220}).result();
  EXPECT_EQ(pool.submit(own_pid).result(), spoilt);
  std::vector<Future<int>> innocent;
  for (int i = 0; i < 20; ++i) {
    innocent.push_back(pool.submit(allocate, std::size_t{50}));
  }
  EXPECT_EQ(bad_allocs(innocent), 1U);
  EXPECT_NE(pool.submit(own_pid).result(), spoilt);
}

TEST(BlackHole, a_task_that_may_be_retried_runs_in_a_process_that_has_the_memory) {
  SKIP_UNDER_SANITIZER();
  ProcessPoolExecutor pool({.max_workers = 1, .memory_limit = 256 * megabyte, .recycle_above = 0});
  const int spoilt = pool.submit(leak, std::size_t{220}).result();
  EXPECT_NE(pool.with({.max_retries = 1}).submit(allocate, std::size_t{50}).result(), spoilt);
  EXPECT_EQ(pool.stats().failed, 0U);
}

int count_and_allocate(const SharedNumbers& begun, std::size_t megabytes) {
  ++begun[0];
  return allocate(megabytes);
}

TEST(BlackHole, bad_alloc_is_tried_again_as_often_as_max_retries_says) {
  SKIP_UNDER_SANITIZER();
  ProcessPoolExecutor pool({.max_workers = 1, .memory_limit = 256 * megabyte});
  const SharedNumbers begun;
  const auto greedy =
      pool.with({.max_retries = 2}).submit(count_and_allocate, begun, std::size_t{300});
  EXPECT_THROW(greedy.result(), std::bad_alloc);
  EXPECT_EQ(begun.get(), 3);
  EXPECT_EQ(pool.stats().failed, 1U);
  EXPECT_EQ(pool.submit(square, 3).result(), 9);
}

TEST(BlackHole, a_length_that_no_memory_has_is_no_reason_to_replace_a_process) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const int pid = pool.submit(own_pid).result();
  const auto nonsense = pool.submit([] { throw std::bad_array_new_length(); });
  EXPECT_THROW(nonsense.result(), std::bad_array_new_length);
  EXPECT_EQ(pool.submit(own_pid).result(), pid);
}

TEST(BlackHole, recycle_above_replaces_a_process_that_keeps_more) {
  SKIP_UNDER_SANITIZER();
  ProcessPoolExecutor pool({.max_workers = 1, .recycle_above = 96 * megabyte});
  const int first = pool.submit(leak, std::size_t{32}).result();
  EXPECT_EQ(pool.submit(allocate, std::size_t{128}).result(), first);
  EXPECT_EQ(pool.submit(leak, std::size_t{128}).result(), first);
  EXPECT_NE(pool.submit(own_pid).result(), first);
}

// Each is too short to ask the kernel about it.
TEST(BlackHole, many_small_leaks_are_noticed_too) {
  SKIP_UNDER_SANITIZER();
  ProcessPoolExecutor pool({.max_workers = 1, .recycle_above = 64 * megabyte});
  const int first = pool.submit(own_pid).result();
  int last = first;
  for (int i = 0; i < 1000 && last == first; ++i) {
    last = pool.submit(leak, std::size_t{1}).result();
  }
  EXPECT_NE(last, first);
}

void load_model() {
  leak(200);
}

TEST(BlackHole, what_the_initializer_keeps_is_no_leak) {
  SKIP_UNDER_SANITIZER();
  ProcessPoolExecutor pool({.max_workers = 1, .memory_limit = 256 * megabyte}, load_model);
  const int pid = pool.submit(own_pid).result();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(pool.submit(allocate, std::size_t{2}).result(), pid);
  }
}

int exhaust_at_1000(int n) {
  return n == 1000 ? allocate(300) : n;
}

TEST(BlackHole, an_element_of_a_map_without_memory_costs_no_other) {
  SKIP_UNDER_SANITIZER();
  ProcessPoolExecutor pool({.max_workers = 2, .memory_limit = 256 * megabyte});
  std::vector<int> numbers(3000);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = static_cast<int>(i);
  }
  auto results = pool.map(exhaust_at_1000, numbers);
  auto each = results.begin();
  int bad = 0;
  for (const int n : numbers) {
    try {
      EXPECT_EQ(*each, n);
    } catch (const std::bad_alloc&) {
      ++bad;
      EXPECT_EQ(n, 1000);
    }
    ++each;
  }
  EXPECT_EQ(bad, 1);
}

// ---- processes that fail for another reason

bool is_spoilt = false;  // in one process

int spoil() {
  is_spoilt = true;
  return ::getpid();
}

int use() {
  if (is_spoilt) {
    throw std::runtime_error("the connection is lost");
  }
  std::this_thread::sleep_for(std::chrono::microseconds(200));
  return ::getpid();
}

TEST(BlackHole, a_process_whose_tasks_all_raise_does_not_draw_the_work_to_itself) {
  ProcessPoolExecutor pool({.max_workers = 2});
  for (int i = 0; i < 100; ++i) {
    pool.submit(use).result();
  }
  const int spoilt = pool.submit(spoil).result();
  std::vector<Future<int>> futures;
  for (int i = 0; i < 1000; ++i) {
    futures.push_back(pool.submit(use));
  }
  int failed = 0;
  for (const Future<int>& future : futures) {
    try {
      future.result();
    } catch (const std::runtime_error&) {
      ++failed;
    }
  }
  EXPECT_LE(failed, 50);
  const Future<int> last = pool.submit(use);
  EXPECT_NE(last.result(), spoilt);
}

TEST(BlackHole, a_process_is_not_replaced_where_all_tasks_raise) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const int pid = pool.submit(own_pid).result();
  for (int i = 0; i < 15; ++i) {
    const auto fails = pool.submit([] { throw std::runtime_error("as always"); });
    EXPECT_THROW(fails.result(), std::runtime_error);
  }
  EXPECT_EQ(pool.submit(own_pid).result(), pid);
}

}  // namespace
}  // namespace process_pool_test
