// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// What a pool does when the kernel refuses.

#include <coeval/executors/thread_pool_executor.hpp>

#include "core/system_scope.hpp"
#include "executors/threads/pool_support.hpp"

#include <coeval/core/log.hpp>
#include <coeval/futures/as_completed.hpp>
#include <coeval/futures/promise.hpp>
#include <coeval/futures/wait.hpp>

#include <gtest/gtest.h>

#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string_view>
#include <system_error>
#include <vector>

namespace coeval {
namespace {

// Thread starts fail from the nth on.
class NoMoreThreads {
 public:
  explicit NoMoreThreads(int nth)
      : scope_([](SystemCalls& table) {
          table.thread_create = [](pthread_t* thread, std::size_t stack_size, void* (*entry)(void*),
                                   void* argument) noexcept -> int {
            return --left >= 0 ? kernel().thread_create(thread, stack_size, entry, argument)
                               : EAGAIN;
          };
        }) {
    left = nth - 1;
  }

 private:
  static inline std::atomic<int> left = 0;
  support::SystemScope scope_;
};

// Every sleep but each fourth is interrupted at once.
class SignalStorm {
 public:
  SignalStorm()
      : scope_([](SystemCalls& table) {
          table.futex_wait = [](const std::uint32_t* word, std::uint32_t expected,
                                std::int64_t deadline) noexcept -> int {
            return sleeps.fetch_add(1) % 4 != 0 ? EINTR
                                                : kernel().futex_wait(word, expected, deadline);
          };
        }) {}

 private:
  static inline std::atomic<unsigned> sleeps = 0;
  support::SystemScope scope_;
};

int nest(ThreadPoolExecutor& pool, int depth) {
  return depth == 0 ? 0 : 1 + pool.submit(nest, std::ref(pool), depth - 1).result();
}

TEST(Faults, without_any_thread_submit_raises_system_error_and_keeps_nothing) {
  const auto token = std::make_shared<int>(1);
  ThreadPoolExecutor pool({.max_workers = 2});
  {
    const NoMoreThreads refuse(1);
    for (int i = 0; i < 3; ++i) {
      EXPECT_THROW(pool.submit([](const std::shared_ptr<int>&) {}, token), std::system_error);
      EXPECT_THROW(pool.with({.priority = 2}).submit([token] {}), std::system_error);
    }
  }
  EXPECT_EQ(token.use_count(), 1);
  EXPECT_EQ(pool.stats().submitted, 0U);
  EXPECT_EQ(pool.stats().queued, 0U);
  EXPECT_EQ(pool.stats().workers, 0U);
  EXPECT_EQ(pool.submit([] { return 1; }).result(), 1);
}

TEST(Faults, a_thread_that_was_refused_does_not_keep_the_pool_alive) {
  std::weak_ptr<detail::ExecutorBackend> backend;
  {
    ThreadPoolExecutor pool({.max_workers = 2});
    backend = pool.backend();
    {
      const NoMoreThreads refuse(1);
      EXPECT_THROW(pool.submit([] {}), std::system_error);
    }
    EXPECT_EQ(pool.submit([] { return 1; }).result(), 1);
  }
  EXPECT_TRUE(backend.expired());
}

TEST(Faults, the_error_of_a_refused_thread_has_its_code) {
  ThreadPoolExecutor pool;
  const NoMoreThreads refuse(1);
  try {
    pool.submit([] {});
    FAIL() << "nothing was raised";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::resource_unavailable_try_again);
  }
}

TEST(Faults, without_any_thread_the_pool_can_be_shut_down) {
  const NoMoreThreads refuse(1);
  ThreadPoolExecutor pool;
  EXPECT_THROW(pool.submit([] {}), std::system_error);
  EXPECT_THROW(list(pool.map([](int n) { return n; }, std::vector{1})), std::system_error);
  pool.shutdown();
}

TEST(Faults, with_fewer_threads_the_pool_goes_on) {
  for (int threads = 1; threads <= 3; ++threads) {
    const NoMoreThreads refuse(threads + 1);
    ThreadPoolExecutor pool({.max_workers = 8});
    std::vector<Future<int>> futures;
    for (int i = 0; i < 100; ++i) {
      futures.push_back(pool.submit([i] { return i; }));
    }
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(), i);
    }
    EXPECT_LE(pool.stats().workers, static_cast<std::size_t>(threads));
  }
}

TEST(Faults, with_one_thread_only_nested_tasks_still_end) {
  const NoMoreThreads refuse(2);
  ThreadPoolExecutor pool({.max_workers = 4});
  EXPECT_EQ(pool.submit(nest, std::ref(pool), 500).result(), 500);
}

TEST(Faults, without_a_thread_for_the_timer_a_task_with_timeout_fails) {
  ThreadPoolExecutor pool({.max_workers = 1});
  EXPECT_EQ(pool.submit([] { return 1; }).result(), 1);
  const auto token = std::make_shared<int>(1);
  {
    const NoMoreThreads refuse(1);
    const auto future = pool.with({.timeout = std::chrono::hours(1)})
                            .submit([](const std::shared_ptr<int>&) {}, token);
    EXPECT_THROW(future.result(), std::system_error);
    pool.submit([] {}).result();
    EXPECT_EQ(token.use_count(), 1);
  }
  EXPECT_EQ(pool.with({.timeout = std::chrono::hours(1)}).submit([] { return 1; }).result(), 1);
  pool.shutdown();
  EXPECT_EQ(pool.stats().failed, 1U);
}

TEST(Faults, a_replacement_that_cannot_start_leaves_the_waiting_task_waiting) {
  ThreadPoolExecutor pool({.max_workers = 1});
  Promise<int> promise;
  threading::Event started;
  const auto waiter = pool.submit([&started, future = promise.future()] {
    started.set();
    return future.result();
  });
  started.wait();
  const NoMoreThreads refuse(1);
  const auto queued = pool.submit([] { return 2; });
  promise.set_result(1);
  EXPECT_EQ(waiter.result(), 1);
  EXPECT_EQ(queued.result(), 2);
}

TEST(Faults, a_worker_that_ends_without_a_successor_leaves_its_tasks_to_the_next_submit) {
  const LogHandler before = set_log_handler([](Severity, std::string_view, std::string_view) {});
  ThreadPoolExecutor pool({.max_workers = 1});
  threading::Event queued;
  const auto gone = pool.submit([&queued] {
    queued.wait();
    pthread_exit(nullptr);
  });
  const auto left = pool.submit([] { return 1; });
  {
    const NoMoreThreads refuse(1);
    queued.set();
    EXPECT_THROW(gone.result(), std::exception);
    support::until([&pool] { return pool.stats().workers == 0; });
  }
  EXPECT_FALSE(left.done());
  EXPECT_EQ(pool.submit([] { return 2; }).result(), 2);
  EXPECT_EQ(left.result(), 1);
  set_log_handler(before);
}

TEST(Faults, interrupted_sleeps_change_nothing) {
  const SignalStorm storm;
  for (int round = 0; round < 5; ++round) {
    ThreadPoolExecutor pool({.max_workers = 3, .max_queue = 4});
    EXPECT_EQ(pool.submit(nest, std::ref(pool), 50).result(), 50);
    const std::vector<int> numbers{1, 2, 3, 4, 5, 6, 7, 8};
    EXPECT_EQ(list(pool.map([](int n) { return n; }, numbers)), numbers);
    std::vector<Future<int>> futures;
    for (int i = 0; i < 20; ++i) {
      futures.push_back(pool.submit([i] { return i; }));
    }
    int sum = 0;
    for (const Future<int>& future : as_completed(futures)) {
      sum += future.result();
    }
    EXPECT_EQ(sum, 190);
    EXPECT_EQ(wait(futures, std::chrono::hours(1)).done.size(), 20U);
    Promise<int> promise;
    EXPECT_THROW(promise.future().result(std::chrono::milliseconds(1)), TimeoutError);
  }
}

}  // namespace
}  // namespace coeval
