// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// Threads of a ThreadPoolExecutor: how many, when they start, what they are called.

#include <coeval/executors/thread_pool_executor.hpp>

#include "core/system_scope.hpp"
#include "executors/threads/pool_support.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/threading/thread.hpp>

#include <gtest/gtest.h>

#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace coeval {
namespace {

// How many threads with this prefix the library knows.
std::size_t threads_called(const std::string& prefix) {
  const auto all = threading::enumerate();
  return static_cast<std::size_t>(std::ranges::count_if(
      all, [&prefix](const auto& thread) { return thread.name().starts_with(prefix); }));
}

int with_cpus(int count) {
  static int cpus;
  cpus = count;
  const support::SystemScope scope([](SystemCalls& table) {
    table.affinity = [](std::size_t size, cpu_set_t* set) noexcept -> int {
      CPU_ZERO_S(size, set);
      for (int cpu = 0; cpu < cpus; ++cpu) {
        CPU_SET_S(static_cast<std::size_t>(cpu), size, set);
      }
      return cpus > 0 ? 0 : EPERM;
    };
    table.read_file = [](const char*, char*, std::size_t) noexcept -> ssize_t { return -ENOENT; };
  });
  return static_cast<int>(ThreadPoolExecutor().stats().max_workers);
}

TEST(Workers, by_default_number_four_more_than_the_processors_and_at_most_32) {
  EXPECT_EQ(with_cpus(1), 5);
  EXPECT_EQ(with_cpus(3), 7);
  EXPECT_EQ(with_cpus(28), 32);
  EXPECT_EQ(with_cpus(64), 32);
}

TEST(Workers, number_five_when_the_kernel_does_not_tell_the_processors) {
  EXPECT_EQ(with_cpus(0), 5);
}

TEST(Workers, fewer_than_one_raise_value_error) {
  EXPECT_THROW(ThreadPoolExecutor({.max_workers = 0}), ValueError);
  EXPECT_THROW(ThreadPoolExecutor({.max_workers = -1}), ValueError);
  EXPECT_THROW(ThreadPoolExecutor({.stack_size = 1000}), ValueError);
  try {
    ThreadPoolExecutor({.max_workers = -7});
    FAIL() << "nothing was raised";
  } catch (const ValueError& error) {
    EXPECT_STREQ(error.what(),
                 "coeval::ThreadPoolExecutor: max_workers must be at least 1, not -7");
  }
}

TEST(Workers, are_started_when_they_are_needed_and_never_more_than_max_workers) {
  threading::Semaphore arrivals(0);
  threading::Event gate;
  ThreadPoolExecutor pool({.max_workers = 3});
  EXPECT_EQ(pool.stats().workers, 0U);
  for (std::size_t i = 1; i <= 5; ++i) {
    pool.submit([&] {
      arrivals.release();
      gate.wait();
    });
    if (i <= 3) {
      arrivals.acquire();
    }
    EXPECT_EQ(pool.stats().workers, std::min<std::size_t>(i, 3));
  }
  const ExecutorStats stats = pool.stats();
  EXPECT_EQ(stats.running, 3U);
  EXPECT_EQ(stats.queued, 2U);
  EXPECT_EQ(stats.idle_workers, 0U);
  gate.set();
}

TEST(Workers, that_are_idle_are_used_before_another_is_started) {
  ThreadPoolExecutor pool({.max_workers = 8});
  for (int i = 0; i < 50; ++i) {
    pool.submit([] {}).result();
    support::until([&pool] { return pool.stats().idle_workers == 1; });
  }
  EXPECT_EQ(pool.stats().workers, 1U);
}

TEST(Workers, all_take_part_when_there_is_work_for_all) {
  ThreadPoolExecutor pool({.max_workers = 4});
  const support::Occupied occupied(pool);  // returns when four tasks run at once
  EXPECT_EQ(pool.stats().workers, 4U);
  EXPECT_EQ(pool.stats().running, 4U);
}

TEST(Workers, a_thousand_work) {
  std::atomic<int> sum = 0;
  {
    ThreadPoolExecutor pool({.max_workers = 1000});
    {
      const support::Occupied occupied(pool);
      EXPECT_EQ(pool.stats().workers, 1000U);
    }
    for (int i = 0; i < 5000; ++i) {
      pool.submit([&sum] { ++sum; });
    }
  }
  EXPECT_EQ(sum, 5000);
}

TEST(Workers, are_called_by_the_prefix_and_a_number) {
  ThreadPoolExecutor pool({.max_workers = 3, .thread_name_prefix = "io"});
  threading::Semaphore arrivals(0);
  threading::Event gate;
  std::vector<Future<std::string>> names;
  for (int i = 0; i < 3; ++i) {
    names.push_back(pool.submit([&] {
      arrivals.release();
      gate.wait();
      std::array<char, 16> kernel_name{};
      pthread_getname_np(pthread_self(), kernel_name.data(), kernel_name.size());
      return threading::current_thread().name() + " " + kernel_name.data();
    }));
    arrivals.acquire();
  }
  gate.set();
  EXPECT_EQ(names[0].result(), "io_0 io_0");
  EXPECT_EQ(names[1].result(), "io_1 io_1");
  EXPECT_EQ(names[2].result(), "io_2 io_2");
  EXPECT_EQ(pool.stats().name, "io");
}

TEST(Workers, without_a_prefix_are_called_by_the_number_of_the_pool) {
  ThreadPoolExecutor first;
  ThreadPoolExecutor second;
  const auto name = [](ThreadPoolExecutor& pool) {
    return pool.submit([] { return threading::current_thread().name(); }).result();
  };
  EXPECT_TRUE(first.stats().name.starts_with("ThreadPoolExecutor-")) << first.stats().name;
  EXPECT_EQ(name(first), first.stats().name + "_0");
  EXPECT_EQ(name(second), second.stats().name + "_0");
  EXPECT_NE(first.stats().name, second.stats().name);
}

TEST(Workers, are_gone_after_a_shutdown_that_waits) {
  ThreadPoolExecutor pool({.max_workers = 4, .thread_name_prefix = "gone"});
  {
    const support::Occupied occupied(pool);
  }
  EXPECT_EQ(threads_called("gone_"), 4U);
  pool.shutdown();
  EXPECT_EQ(threads_called("gone_"), 0U);
  EXPECT_EQ(pool.stats().workers, 0U);
}

TEST(Workers, end_after_a_shutdown_that_does_not_wait) {
  ThreadPoolExecutor pool({.max_workers = 4});
  {
    const support::Occupied occupied(pool);
  }
  pool.shutdown({.wait = false});
  support::until([&pool] { return pool.stats().workers == 0; });
}

TEST(Workers, have_destroyed_their_thread_locals_when_a_shutdown_returns) {
  static std::atomic<int> alive;
  struct Counter {
    Counter() { ++alive; }
    ~Counter() { --alive; }
  };
  alive = 0;
  ThreadPoolExecutor pool({.max_workers = 2});
  pool.submit([] {
        thread_local const Counter counter;
        static_cast<void>(counter);
      })
      .result();
  EXPECT_EQ(alive, 1);
  pool.shutdown();
  EXPECT_EQ(alive, 0);
}

TEST(Workers, keep_their_thread_locals_from_task_to_task) {
  ThreadPoolExecutor pool({.max_workers = 1});
  const auto count = [] {
    thread_local int calls = 0;
    return ++calls;
  };
  EXPECT_EQ(pool.submit(count).result(), 1);
  EXPECT_EQ(pool.submit(count).result(), 2);
}

TEST(Workers, times_are_added_up_in_the_statistics) {
  ThreadPoolExecutor pool({.max_workers = 2});
  EXPECT_EQ(pool.stats().busy_time.count(), 0);
  pool.submit([] {
        const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(5);
        while (std::chrono::steady_clock::now() < end) {
        }
      })
      .result();
  EXPECT_GE(pool.stats().busy_time, std::chrono::milliseconds(5));
  EXPECT_GT(pool.stats().cpu_time.count(), 0);
  pool.shutdown();
  EXPECT_GE(pool.stats().busy_time, std::chrono::milliseconds(5));
  EXPECT_GT(pool.stats().cpu_time.count(), 0);
}

}  // namespace
}  // namespace coeval
